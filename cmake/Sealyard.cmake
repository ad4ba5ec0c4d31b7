# Build rules shared by every room: warnings are errors, hardening is on, no -march=native.

add_library(sealyard_flags INTERFACE)
target_include_directories(sealyard_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(sealyard_flags INTERFACE _GNU_SOURCE SY_VERSION="${PROJECT_VERSION}")
target_compile_options(sealyard_flags INTERFACE
    -Wall -Wextra -Werror -Wshadow $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> -fno-strict-aliasing -fstack-protector-strong
    $<$<COMPILE_LANGUAGE:C>:-Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla>)
target_link_options(sealyard_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
if(SY_FAULTS)
    target_compile_definitions(sealyard_flags INTERFACE SY_FAULTS=1)
endif()
if(SY_SANITIZE)
    target_compile_options(sealyard_flags INTERFACE
        -fsanitize=${SY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(sealyard_flags INTERFACE -fsanitize=${SY_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_definitions(sealyard_flags INTERFACE _FORTIFY_SOURCE=2)
endif()

# sy_library(NAME SOURCES ... [LINK ...] [PKG ...])
#   a static library of one room; LINK are our targets, PKG are pkg-config modules.
function(sy_library name)
    cmake_parse_arguments(A "" "" "SOURCES;LINK;PKG" ${ARGN})
    add_library(${name} STATIC ${A_SOURCES})
    target_link_libraries(${name} PUBLIC sealyard_flags ${A_LINK})
    sy_link_pkg(${name} PUBLIC ${A_PKG})
endfunction()

# sy_program(NAME SOURCES ... [LINK ...] [PKG ...])   an executable in bin/
function(sy_program name)
    cmake_parse_arguments(A "" "" "SOURCES;LINK;PKG" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_link_libraries(${name} PRIVATE sealyard_flags ${A_LINK})
    target_compile_options(${name} PRIVATE -fPIE)
    target_link_options(${name} PRIVATE -pie)
    sy_link_pkg(${name} PRIVATE ${A_PKG})
endfunction()

function(sy_link_pkg name scope)
    foreach(module ${ARGN})
        string(MAKE_C_IDENTIFIER ${module} id)
        if(NOT TARGET PkgConfig::SY_${id})
            pkg_check_modules(SY_${id} REQUIRED IMPORTED_TARGET GLOBAL ${module})
        endif()
        target_link_libraries(${name} ${scope} PkgConfig::SY_${id})
    endforeach()
endfunction()

# sy_test(NAME SOURCES ... [LINK ...] [PKG ...] [LABELS ...] [TIMEOUT seconds])
#   a cmocka test program; it finds its known answers under SY_KAT_DIR (tests/kat).
function(sy_test name)
    cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LINK;PKG;LABELS" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_definitions(${name} PRIVATE SY_KAT_DIR="${CMAKE_SOURCE_DIR}/tests/kat"
        SY_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
    target_link_libraries(${name} PRIVATE sealyard_flags ${A_LINK})
    sy_link_pkg(${name} PRIVATE cmocka ${A_PKG})
    add_test(NAME ${name} COMMAND ${name})
    if(NOT A_LABELS)
        set(A_LABELS unit)
    endif()
    if(NOT A_TIMEOUT)
        set(A_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT ${A_TIMEOUT})
endfunction()
