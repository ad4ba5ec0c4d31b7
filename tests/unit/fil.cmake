sy_test(test_fil_text SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_fil_text.c LINK sealyard_fil LABELS unit kat)
sy_test(test_fil_message SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_fil_message.c LINK sealyard_fil LABELS unit kat)
