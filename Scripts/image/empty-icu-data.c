// ICU's locale data, empty. Foundation, which the YAML parser uses, carries 34 MB of it: more than all of the gateway, which shows no
// dates, numbers or texts in anybody's language. ICU foresees this ("stubdata"): what needs no data, such as regular expressions,
// works, and what does, such as DateFormatter, must not be used in the gateway.
//
// The Dockerfile puts this in the place of the data. ICU_DATA is the symbol's name, which has ICU's version in it.
#include <stdint.h>

// The header of an ICU common data file (udata.h, ucmndata.h) and a table of contents with no entries.
const struct {
    uint16_t header_size;
    uint8_t magic[2];
    uint16_t info_size, reserved_word;
    uint8_t is_big_endian, charset_family, character_size, reserved_byte;
    uint8_t data_format[4], format_version[4], data_version[4];
    uint8_t padding[8];
    uint32_t count, reserved;
    uint32_t no_name[4];
} ICU_DATA __attribute__((aligned(16))) = {
    .header_size = 32,
    .magic = {0xda, 0x27},
    .info_size = 20,
    .character_size = 2,
    .data_format = {'T', 'o', 'C', 'P'},
    .format_version = {1},
};
