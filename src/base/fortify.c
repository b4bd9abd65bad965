/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What glibc's headers made of calls in the libraries' archives (_FORTIFY_SOURCE), for the programs
 * that are linked against musl, which has none of it: the same call with the size of the buffer,
 * which ends the program if more may be written. Found by name alone, hence the labels.
 * `flag` asks glibc to refuse %n in formats that can be written to; the formats here are constants
 * of the libraries'.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int checked_snprintf(char *buffer, size_t len, int flag, size_t size, const char *format,
                     ...) __asm__("__snprintf_chk") __attribute__((format(printf, 5, 6)));
int checked_vsnprintf(char *buffer, size_t len, int flag, size_t size, const char *format,
                      va_list args) __asm__("__vsnprintf_chk")
    __attribute__((format(printf, 5, 0)));
int checked_fprintf(FILE *file, int flag, const char *format, ...) __asm__("__fprintf_chk")
    __attribute__((format(printf, 3, 4)));
char *checked_strncpy(char *to, const char *from, size_t len, size_t size) __asm__("__strncpy_chk");

static void size_check(size_t len, size_t size)
{
    static const char text[] = "buffer overflow in a library\n";

    if (len <= size)
        return;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1); /* it ends either way */
    abort();
}

int checked_vsnprintf(char *buffer, size_t len, int flag, size_t size, const char *format,
                      va_list args)
{
    (void)flag;
    size_check(len, size);
    return vsnprintf(buffer, len, format, args);
}

int checked_snprintf(char *buffer, size_t len, int flag, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int result = checked_vsnprintf(buffer, len, flag, size, format, args);
    va_end(args);
    return result;
}

int checked_fprintf(FILE *file, int flag, const char *format, ...)
{
    va_list args;

    (void)flag;
    va_start(args, format);
    int result = vfprintf(file, format, args);
    va_end(args);
    return result;
}

char *checked_strncpy(char *to, const char *from, size_t len, size_t size)
{
    size_check(len, size);
    return strncpy(to, from, len);
}
