# Helpers for seqc's own CMakeLists: libraries, TableGen, the static link.

# seqc_tablegen(<td> <output under build/include> <mlir-tblgen flags...>)
# Appends the output to SEQC_TABLEGEN_OUTPUTS in the caller's scope.
function(seqc_tablegen td out)
  set(src ${PROJECT_SOURCE_DIR}/include/${td})
  set(dst ${PROJECT_BINARY_DIR}/include/${out})
  get_filename_component(dir ${dst} DIRECTORY)
  file(MAKE_DIRECTORY ${dir})
  add_custom_command(OUTPUT ${dst}
    COMMAND ${LLVM_TOOLS_BINARY_DIR}/mlir-tblgen ${ARGN} ${src} -o ${dst} -d ${dst}.d
            -I ${PROJECT_SOURCE_DIR}/include -I ${MLIR_INCLUDE_DIRS}
    DEPENDS ${src} DEPFILE ${dst}.d
    COMMENT "TableGen ${out}" VERBATIM)
  set(SEQC_TABLEGEN_OUTPUTS ${SEQC_TABLEGEN_OUTPUTS} ${dst} PARENT_SCOPE)
endfunction()

# seqc_library(<name> SOURCES ... [DEPENDS ...] [LINK ...]): a static library
# recorded in SEQC_LIBRARIES, which the install step exports.
function(seqc_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:include>)
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  if(SEQC_PRECOMPILE)
    target_precompile_headers(${name} REUSE_FROM SeqcHeaders)
  endif()
  set_property(GLOBAL APPEND PROPERTY SEQC_LIBRARIES ${name})
endfunction()

# Headers of LLVM and MLIR take three quarters of a compilation.
function(seqc_precompiled_headers)
  file(WRITE ${PROJECT_BINARY_DIR}/headers.cpp "")
  add_library(SeqcHeaders OBJECT ${PROJECT_BINARY_DIR}/headers.cpp)
  target_precompile_headers(SeqcHeaders PRIVATE
    <mlir/Dialect/Arith/IR/Arith.h> <mlir/Dialect/Func/IR/FuncOps.h>
    <mlir/Dialect/Linalg/IR/Linalg.h> <mlir/Dialect/Math/IR/Math.h>
    <mlir/Dialect/MemRef/IR/MemRef.h> <mlir/Dialect/SCF/IR/SCF.h>
    <mlir/Dialect/Tensor/IR/Tensor.h> <mlir/Dialect/Vector/IR/VectorOps.h>
    <mlir/IR/BuiltinOps.h> <mlir/Pass/PassManager.h>)
endfunction()

# seqc_static_closure(<out> <targets...>): the link line that pulls in the static
# archives behind the imported targets, leaving both LLVM shared libraries out.
function(seqc_static_closure out)
  set(todo ${ARGN})
  set(seen)
  set(libs)
  set(sys)
  while(todo)
    list(POP_FRONT todo t)
    string(REGEX REPLACE "^[$]<LINK_ONLY:(.*)>$" "\\1" t "${t}")
    if(t IN_LIST seen OR t STREQUAL "LLVM" OR t STREQUAL "MLIR")
      continue()
    endif()
    list(APPEND seen ${t})
    if(t MATCHES "^(MLIR|LLVM)" AND TARGET ${t})
      get_target_property(kind ${t} TYPE)
      if(kind STREQUAL "STATIC_LIBRARY")
        list(APPEND libs $<TARGET_FILE:${t}>)
      endif()
      get_target_property(deps ${t} INTERFACE_LINK_LIBRARIES)
      if(deps)
        list(APPEND todo ${deps})
      endif()
    elseif(t STREQUAL "zstd::libzstd_shared" AND NOT TARGET zstd::libzstd_shared)
      list(APPEND sys -l:libzstd.so.1)
    else()
      list(APPEND sys ${t})
    endif()
  endwhile()
  set(${out} -Wl,--start-group ${libs} -Wl,--end-group ${sys} PARENT_SCOPE)
endfunction()

# seqc_executable(<name> SOURCES ... LINK ...): a tool in build/bin, linked with
# LLVM and MLIR as shared libraries or, with SEQC_STATIC, from their archives.
function(seqc_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(SEQC_STATIC)
    get_property(dialects GLOBAL PROPERTY MLIR_DIALECT_LIBS)
    get_property(conversions GLOBAL PROPERTY MLIR_CONVERSION_LIBS)
    get_property(extensions GLOBAL PROPERTY MLIR_EXTENSION_LIBS)
    get_property(translations GLOBAL PROPERTY MLIR_TRANSLATION_LIBS)
    # MLIR's target utilities initialise every target that LLVM was built with.
    set(targets)
    foreach(t ${LLVM_TARGETS_TO_BUILD})
      foreach(part CodeGen AsmParser Desc Info)
        if(TARGET LLVM${t}${part})
          list(APPEND targets LLVM${t}${part})
        endif()
      endforeach()
    endforeach()
    seqc_static_closure(closure ${dialects} ${conversions} ${extensions} ${translations}
      MLIRRegisterAllDialects MLIRRegisterAllPasses MLIRRegisterAllExtensions
      MLIROptLib MLIRLspServerLib MLIRExecutionEngine LLVMOrcJIT LLVMPasses
      ${targets})
    target_link_libraries(${name} PRIVATE -Wl,--as-needed ${ARG_LINK} ${closure})
  else()
    target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  endif()
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;${LLVM_LIBRARY_DIRS}")
  if(SEQC_PRECOMPILE)
    # The headers are precompiled as for libraries: -fPIC, not -fPIE.
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fPIC)
    target_precompile_headers(${name} REUSE_FROM SeqcHeaders)
  endif()
endfunction()
