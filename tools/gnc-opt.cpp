//===- gnc-opt.cpp - runs passes by hand on a printed module
//------------------------------------===//
#include "codegen/GpuLower.h"
#include "codegen/JitLower.h"
#include "codegen/Pipeline.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  gnc::registerKernelDialects(registry);
  gnc::registerGpuDialects(registry);
  gnc::registerPasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "gnc's passes, one by one\n", registry));
}
