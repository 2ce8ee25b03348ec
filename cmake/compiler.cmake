# Flags that every target gets. Warnings are errors with gcc and with clang.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # gnu17: the cleanup attribute and typeof
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(xo_flags INTERFACE)
target_include_directories(xo_flags INTERFACE ${CMAKE_SOURCE_DIR}/pkg)
target_compile_definitions(xo_flags INTERFACE _GNU_SOURCE XO_VERSION="${PROJECT_VERSION}")
target_compile_options(xo_flags INTERFACE
    -Wall -Wextra -Werror -Wconversion -Wsign-conversion -Wshadow -Wformat=2 -Wundef -Wvla
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-qual
    -Wwrite-strings -Wswitch -Wimplicit-fallthrough
    -Wdouble-promotion -Wnull-dereference -fno-common -fstack-protector-strong -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(xo_flags INTERFACE -Wlogical-op -Wduplicated-cond -Wduplicated-branches)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_definitions(xo_flags INTERFACE _FORTIFY_SOURCE=2)
    # Assertions stay on: a broken invariant must end the process, which then resumes from what it observes.
    set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
    target_compile_options(xo_flags INTERFACE -fstack-clash-protection -fcf-protection)
    target_link_options(xo_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
    set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
else()
    set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
endif()

if(XO_SANITIZE)
    target_compile_options(xo_flags INTERFACE -fsanitize=${XO_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(xo_flags INTERFACE -fsanitize=${XO_SANITIZE})
    # gcc warns of dereferences that only its own instrumentation makes possible.
    target_compile_options(xo_flags INTERFACE -Wno-null-dereference)
endif()

find_program(CCACHE ccache)
if(CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
