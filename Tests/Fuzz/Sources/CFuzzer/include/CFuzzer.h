#pragma once
#include <stddef.h>
#include <stdint.h>

/// libFuzzer's entry when the program has a main function of its own; see LLVM's "Using libFuzzer as a library".
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*test_one_input)(const uint8_t *data, size_t size));
