# What `cmake --install` and the Debian packages hold, in three components:
#   runtime   libgnc_runtime.so: all that a program needs that was compiled ahead of time; no LLVM
#   dev       headers, CMake and pkg-config files, to build such a program
#   tool      gnc, the compiler as a library, the library's examples, manual page and completions
# The tree can be moved: nothing in it names its place.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_LIBDIR lib CACHE PATH "below the prefix")
set(CMAKE_INSTALL_BINDIR bin)
set(CMAKE_INSTALL_INCLUDEDIR include)
set(CMAKE_INSTALL_DATADIR share)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME tool)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/gnc)

set_target_properties(gnc_runtime_shared PROPERTIES EXPORT_NAME runtime)
target_link_libraries(gnc_runtime_shared INTERFACE m) # what `gnc compile` writes calls it
set_target_properties(gnc_jit PROPERTIES EXPORT_NAME compiler INSTALL_RPATH "$ORIGIN")
set_target_properties(gnc_compiler PROPERTIES
  INSTALL_RPATH "$ORIGIN;${LLVM_LIBRARY_DIR}") # Debian keeps libMLIR where the loader does not look
install(TARGETS gnc_runtime_shared EXPORT gnc-runtime
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS gnc_jit EXPORT gnc-compiler
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT tool NAMELINK_COMPONENT dev
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS gnc gnc_compiler gnc_cuda_emulator # the libraries are loaded when they are needed; nobody links them
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tool
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT tool)
install(FILES runtime/gnc_runtime.h runtime/gnc.hpp tools/gnc_compiler.h tools/compiler.hpp
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/gnc COMPONENT dev)
foreach(part runtime compiler)
  install(EXPORT gnc-${part} NAMESPACE gnc:: DESTINATION ${package_dir} COMPONENT dev)
endforeach()
write_basic_package_version_file(${CMAKE_BINARY_DIR}/gnc-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/gnc-config.cmake ${CMAKE_BINARY_DIR}/gnc-config-version.cmake
  DESTINATION ${package_dir} COMPONENT dev)

# pkg-config: the prefix follows from where the file lies.
file(RELATIVE_PATH from_pc_to_prefix ${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
foreach(part runtime compiler)
  configure_file(cmake/gnc-${part}.pc.in gnc-${part}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/gnc-${part}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endforeach()

# Pages that the tool writes about itself.
set(pages ${CMAKE_BINARY_DIR}/pages)
file(MAKE_DIRECTORY ${pages})
add_custom_command(OUTPUT ${pages}/gnc.1 ${pages}/gnc ${pages}/_gnc ${pages}/gnc.fish
  COMMAND gnc man > ${pages}/gnc.1
  COMMAND gnc completions bash > ${pages}/gnc
  COMMAND gnc completions zsh > ${pages}/_gnc
  COMMAND gnc completions fish > ${pages}/gnc.fish
  DEPENDS gnc VERBATIM)
add_custom_target(pages ALL DEPENDS ${pages}/gnc.1)
install(FILES ${pages}/gnc.1 DESTINATION ${CMAKE_INSTALL_DATADIR}/man/man1)
install(FILES ${pages}/gnc DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${pages}/_gnc DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${pages}/gnc.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/gnc/examples)

# Three Debian packages, because a machine that only runs a network should not need LLVM's 150 MB.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gnc)
set(CPACK_PACKAGE_CONTACT "the authors of gnc <gnc@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "compiler for convolutional networks")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime dev tool)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CMAKE_BINARY_DIR}/lib;${LLVM_LIBRARY_DIR}")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libgnc-runtime${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libgnc-dev)
set(CPACK_DEBIAN_TOOL_PACKAGE_NAME gnc)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "runs and trains networks that gnc compiled ahead of time")
set(CPACK_COMPONENT_DEV_DESCRIPTION "headers and build files for programs with gnc networks inside")
set(CPACK_COMPONENT_TOOL_DESCRIPTION "A network is one small text file; gnc checks it, compiles it to machine code, and trains it.")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME} (= ${PROJECT_VERSION})")
# dpkg-shlibdeps does not list libllvm every time, though libgnc_compiler.so needs it by itself.
set(CPACK_DEBIAN_TOOL_PACKAGE_DEPENDS "${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME} (= ${PROJECT_VERSION}), libllvm${LLVM_VERSION_MAJOR}")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS gnc)
set(CPACK_DEBIAN_TOOL_PACKAGE_RECOMMENDS "gcc | c-compiler") # gnc compile -o NET.so
set(CPACK_DEBIAN_TOOL_PACKAGE_SUGGESTS "libgnc-dev, dataset-fashion-mnist")
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON) # what is installed was built before: tools/setup
include(CPack)
