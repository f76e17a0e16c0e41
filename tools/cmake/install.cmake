# `cmake --install build --prefix P`: tools, libraries, headers and the package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
get_property(SEQC_LIBRARIES GLOBAL PROPERTY SEQC_LIBRARIES)
install(TARGETS ${SEQC_LIBRARIES} EXPORT SeqcTargets ARCHIVE DESTINATION lib)
install(TARGETS seqc seq-opt seq-lsp-server RUNTIME DESTINATION bin)
install(DIRECTORY include/seqc DESTINATION include FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
install(DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/include/seqc DESTINATION include
        FILES_MATCHING PATTERN "*.inc")
install(DIRECTORY runtime/include/seqc DESTINATION include FILES_MATCHING PATTERN "*.h")
install(EXPORT SeqcTargets NAMESPACE Seqc:: DESTINATION lib/cmake/Seqc)
configure_package_config_file(tools/cmake/SeqcConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/SeqcConfig.cmake INSTALL_DESTINATION lib/cmake/Seqc)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/SeqcConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/SeqcConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/SeqcConfigVersion.cmake
        DESTINATION lib/cmake/Seqc)
