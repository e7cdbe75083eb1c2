/* SPDX-License-Identifier: MIT
 *
 * codec.h - the format in which portable values become bytes; encode.c writes it, decode.c reads it.
 *
 *      nil 00   false 01   true 02   int 03 zigzag   double 04 eight bytes, low end first
 *      bytes 05 size data   text 06 size data   list 07 count items   map 08 count (key item)...
 *      error 09 body
 *      body: zigzag code, origin, flags, [message] [type] [traceback] [zigzag errno] [count others: bodies]
 *
 * Numbers are LEB128 in their shortest form. Each value has exactly one encoding and the decoder takes nothing else,
 * so that encode(decode(x)) == x for every x that it takes.
 */
#ifndef RWI_BASE_CODEC_H
#define RWI_BASE_CODEC_H

enum rwi_tag {
    RWI_TAG_NIL,
    RWI_TAG_FALSE,
    RWI_TAG_TRUE,
    RWI_TAG_INT,
    RWI_TAG_DOUBLE,
    RWI_TAG_BYTES,
    RWI_TAG_TEXT,
    RWI_TAG_LIST,
    RWI_TAG_MAP,
    RWI_TAG_ERROR
};

/* Which fields an error's body has. A message that is the code's own text is left out. */
enum rwi_body_flags {
    RWI_HAS_MESSAGE = 1,
    RWI_HAS_TYPE = 2,
    RWI_HAS_TRACEBACK = 4,
    RWI_HAS_ERRNO = 8,
    RWI_HAS_OTHERS = 16,
    RWI_HAS_ALL = 31
};

#endif
