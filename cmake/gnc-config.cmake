# find_package(gnc) or find_package(gnc COMPONENTS compiler).
#   gnc::runtime    compiled programs: <gnc/gnc_runtime.h>, <gnc/gnc.hpp>
#   gnc::compiler   the compiler in a program: <gnc/gnc_compiler.h>, <gnc/compiler.hpp>; needs LLVM when it compiles
include("${CMAKE_CURRENT_LIST_DIR}/gnc-runtime.cmake")
set(gnc_runtime_FOUND TRUE)
# The package libgnc-dev may be there without the tool.
set(gnc_compiler_FOUND FALSE)
get_filename_component(gnc_library_folder "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
file(GLOB gnc_compiler_libraries "${gnc_library_folder}/libgnc_jit.so.*")
if(gnc_compiler_libraries)
  include("${CMAKE_CURRENT_LIST_DIR}/gnc-compiler.cmake")
  set(gnc_compiler_FOUND TRUE)
endif()
unset(gnc_compiler_libraries)
unset(gnc_library_folder)
foreach(component IN LISTS gnc_FIND_COMPONENTS)
  if(gnc_FIND_REQUIRED_${component} AND NOT gnc_${component}_FOUND)
    set(gnc_FOUND FALSE)
    set(gnc_NOT_FOUND_MESSAGE "there is no component '${component}'; there are runtime and, where gnc itself is installed, compiler")
  endif()
endforeach()
