# xo_layer(NAME [DEPENDS layer…] [LIBRARIES target…]): a layer of pkg/ from the folder it is called in.
#
# Everything *.c below the folder is the layer, but for its tests (*_test.c, one Criterion program `<name>_test`), its
# fuzz targets (*_fuzz.c, one libFuzzer program each), its race tests (*_stress.c, one program each, for ThreadSanitizer)
# and the folders `fake/`, which only tests link.
function(xo_layer NAME)
    cmake_parse_arguments(LAYER "" "" "DEPENDS;LIBRARIES" ${ARGN})
    file(GLOB_RECURSE ALL CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    set(SOURCES ${ALL})
    list(FILTER SOURCES EXCLUDE REGEX "(_test|_fuzz|_stress)\\.c$|/fake/")
    add_library(${NAME} STATIC ${SOURCES})
    target_link_libraries(${NAME} PUBLIC xo_flags ${LAYER_DEPENDS} ${LAYER_LIBRARIES})
    xo_tests(${NAME} ${NAME} ${ALL})
    xo_programs(${NAME} ${ALL})
endfunction()

# xo_tests(NAME LIBRARY source…): the test program of a folder.
function(xo_tests NAME LIBRARY)
    set(TESTS ${ARGN})
    list(FILTER TESTS INCLUDE REGEX "_test\\.c$|/fake/")
    if(XO_TESTS AND TESTS)
        add_executable(${NAME}_test ${TESTS})
        target_link_libraries(${NAME}_test PRIVATE ${LIBRARY} PkgConfig::CRITERION)
        # Criterion's macros expand to declarations and initialisers that our own warnings refuse.
        # (Of a source, not of the target: those would come before the warnings of xo_flags.)
        set_source_files_properties(${TESTS} PROPERTIES
            COMPILE_OPTIONS "-Wno-missing-prototypes;-Wno-undef;-Wno-shadow")
        target_compile_definitions(${NAME}_test PRIVATE
            TESTDATA="${CMAKE_CURRENT_SOURCE_DIR}/testdata" PROJECT="${CMAKE_SOURCE_DIR}")
        set_target_properties(${NAME}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
        add_test(NAME ${NAME}_test COMMAND ${NAME}_test)
    endif()
endfunction()

# xo_programs(LIBRARY source…): a program per *_fuzz.c and per *_stress.c.
function(xo_programs LIBRARY)
    foreach(SOURCE IN LISTS ARGN)
        get_filename_component(PROGRAM ${SOURCE} NAME_WE)
        if(XO_FUZZ AND SOURCE MATCHES "_fuzz\\.c$")
            add_executable(${LIBRARY}_${PROGRAM} ${SOURCE})
            target_link_libraries(${LIBRARY}_${PROGRAM} PRIVATE ${LIBRARY})
            target_compile_options(${LIBRARY} PRIVATE -fsanitize=fuzzer-no-link)
            target_compile_options(${LIBRARY}_${PROGRAM} PRIVATE -fsanitize=fuzzer)
            # libFuzzer declares its entry point in no header.
            set_source_files_properties(${SOURCE} PROPERTIES COMPILE_OPTIONS -Wno-missing-prototypes)
            target_link_options(${LIBRARY}_${PROGRAM} PRIVATE -fsanitize=fuzzer)
            set_target_properties(${LIBRARY}_${PROGRAM} PROPERTIES
                RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
        elseif(SOURCE MATCHES "_stress\\.c$")
            add_executable(${LIBRARY}_${PROGRAM} ${SOURCE})
            target_link_libraries(${LIBRARY}_${PROGRAM} PRIVATE ${LIBRARY})
            set_target_properties(${LIBRARY}_${PROGRAM} PROPERTIES
                RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/stress)
        endif()
    endforeach()
endfunction()
