//===- Driver.h - the CUDA driver, loaded at run time -----------------------------------------===//
#pragma once

#include "runtime/Status.h"
#include "runtime/cuda/DriverApi.h"

namespace gnc::cuda {

/// The functions of a driver. Nothing links with CUDA: a machine without one runs everything else.
class Driver {
public:
  /// What the system's loader finds under this name, unless another file is asked for.
  static constexpr const char *systemLibrary = "libcuda.so.1";
  static constexpr const char *emulatorLibrary = "libgnc_cuda_emulator.so";

  /// Loads and initialises a driver; "": the system's. The library stays loaded. Errors:
  /// environment "no-driver" (there is none, it finds no card, or it does not start), "old-driver"
  /// (it lacks a function of the table).
  static runtime::Result<Driver> load(const std::string &path);

#define GNC_MEMBER(name, symbol, parameters) Code(*name) parameters = nullptr;
  GNC_CUDA_RUNTIME_FUNCTIONS(GNC_MEMBER)
#undef GNC_MEMBER

  /// As cuDriverGetVersion counts: 12020 is CUDA 12.2.
  int version = 0;
  std::string library; ///< the file that it was loaded from
  /// It is a software device, which has a cuDNN of its own in its library.
  bool isEmulator() const { return emulatorReport; }
  /// "out of memory (CUDA_ERROR_OUT_OF_MEMORY)".
  std::string describe(Code code) const;
  /// Of the software device: what failed, as text of several lines; else, and if nothing did, "".
  std::string report() const { return emulatorReport ? emulatorReport() : ""; }
  /// Of the software device: what every kernel did; else "".
  std::string statistics() const { return emulatorStatistics ? emulatorStatistics() : ""; }

private:
  Driver() = default;
  const char *(*emulatorReport)() = nullptr;
  const char *(*emulatorStatistics)() = nullptr;
};

/// "12.2" for 12020.
std::string cudaVersionText(int version);

/// What the head of a PTX text says.
struct PtxHeader {
  int version = 0;    ///< of PTX: 83 for 8.3; 0 if it is not said
  int capability = 0; ///< 90 for sm_90; 0 if it is not said
  bool exact = false; ///< sm_90a: for this capability alone
};
PtxHeader readPtxHeader(const std::string &ptx);

} // namespace gnc::cuda
