# gnc_mlir_library(NAME): the folder's sources as one static library that may include MLIR.
# All such libraries share one precompiled header (built by gnc_ir): a small MLIR source costs 8 s without it, 3 s with it.
function(gnc_mlir_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_compile_options(${name} PRIVATE -fno-exceptions -Xclang -fno-pch-timestamp)
  if(name STREQUAL "gnc_ir")
    target_precompile_headers(gnc_ir PRIVATE ${CMAKE_SOURCE_DIR}/ir/Precompiled.h)
  else()
    target_precompile_headers(${name} REUSE_FROM gnc_ir)
    add_dependencies(${name} gnc_ir_generated)
  endif()
endfunction()
