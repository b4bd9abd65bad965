/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes, decimals and durations are all one thing: a decimal number times a unit, which must come
 * out even in what is counted (bytes, billionths, milliseconds). All is calculated in whole
 * numbers.
 */
#include "base/number.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

__extension__ typedef unsigned __int128 wide;

enum {
    PLACES_MAX = 18, /* as many as 64 bits hold; what has more is taken for uneven */
    SIZE_TEXT_SIZE = 16,
    NANO_PER_UNIT = 1000000000,
    NANO_PER_MS = 1000000,
};

struct unit {
    char name[4];
    uint64_t factor;
};

static const struct unit duration_units[] = {
    { "ns", 1 },
    { "us", 1000 },
    { "ms", NANO_PER_MS },
    { "s", NANO_PER_UNIT },
    { "m", 60ULL * NANO_PER_UNIT },
    { "h", 3600ULL * NANO_PER_UNIT },
};

/* whole + fraction / 10^places */
struct decimal {
    uint64_t whole;
    uint64_t fraction;
    unsigned places;
    bool large; /* more than 64 bits hold before the point */
    bool fine;  /* more than PLACES_MAX behind it */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits. False if there are more than fit; all digits are read all the same. */
static bool digits_read(const char **at, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool fits = true;
    for (; is_digit(**at); (*at)++) {
        fits = fits && !__builtin_mul_overflow(value, 10, &value);
        fits = fits && !__builtin_add_overflow(value, (uint64_t)(**at - '0'), &value);
    }
    *ret_value = value;
    return fits;
}

static int not_a_number(const char *text, const char *what, const char *wanted, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s: \"%s\" is not %s", what, text, wanted);
}

static int too_large(const char *text, const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s: %s is too large", what, text);
}

int number_parse(const char *text, int64_t lowest, int64_t highest, const char *what,
                 int64_t *ret_value, struct err *err)
{
    bool minus = text[0] == '-';
    const char *at = text + minus;
    if (!is_digit(*at))
        return not_a_number(text, what, "a whole number", err);

    uint64_t value = 0;
    bool fits = digits_read(&at, &value);
    if (*at != '\0')
        return not_a_number(text, what, "a whole number", err);

    uint64_t largest = minus ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    fits = fits && value <= largest;
    int64_t number = (int64_t)(minus ? 0 - value : value);
    if (!fits || number < lowest || number > highest)
        return err_set(err, ERR_INVALID, "%s: %s is not from %" PRId64 " to %" PRId64, what, text,
                       lowest, highest);
    *ret_value = number;
    return 0;
}

int number_parse_unsigned(const char *text, uint64_t highest, const char *what, uint64_t *ret_value,
                          struct err *err)
{
    const char *at = text;
    uint64_t value = 0;
    bool fits = digits_read(&at, &value);
    if (at == text || *at != '\0')
        return not_a_number(text, what, "a whole number from 0", err);
    if (!fits || value > highest)
        return err_set(err, ERR_INVALID, "%s: %s is not from 0 to %" PRIu64, what, text, highest);
    *ret_value = value;
    return 0;
}

/* Reads "1", "1.5" or ".5" and leaves what follows at *at. False if no number stands there. */
static bool decimal_read(const char **at, struct decimal *ret_decimal)
{
    const char *start = *at;
    struct decimal decimal = {};
    decimal.large = !digits_read(at, &decimal.whole);
    if (**at != '.') {
        *ret_decimal = decimal;
        return *at > start;
    }

    const char *first = ++*at;
    size_t places = strspn(first, "0123456789");
    *at += places;
    if (places == 0)
        return false;
    while (places > 0 && first[places - 1] == '0')
        places--;
    decimal.fine = places > PLACES_MAX;
    decimal.places = decimal.fine ? PLACES_MAX : (unsigned)places;
    for (size_t i = 0; i < decimal.places; i++)
        decimal.fraction = decimal.fraction * 10 + (uint64_t)(first[i] - '0');
    *ret_decimal = decimal;
    return true;
}

/* decimal × factor. False if that is not whole. */
static bool decimal_scale(const struct decimal *decimal, uint64_t factor, wide *ret_value)
{
    wide power = 1;
    for (unsigned i = 0; i < decimal->places; i++)
        power *= 10;
    wide part = (wide)decimal->fraction * factor;
    *ret_value = (wide)decimal->whole * factor + part / power;
    return part % power == 0 && !decimal->fine;
}

/* The factor of "", "b", "k", "kb", "kib" and so on in either case, or 0. */
static uint64_t size_factor(const char *unit)
{
    static const char letters[] = "bkmgtp";
    if (unit[0] == ' ' && unit[1] != '\0')
        unit++;
    if (unit[0] == '\0')
        return 1;

    const char *letter = strchr(letters, tolower((unsigned char)unit[0]));
    if (!letter)
        return 0;
    bool byte = letter == letters;
    bool plain = unit[1] == '\0';
    bool known =
        plain || (!byte && (strcasecmp(unit + 1, "b") == 0 || strcasecmp(unit + 1, "ib") == 0));
    return known ? 1ULL << (10 * (letter - letters)) : 0;
}

int size_parse(const char *text, bool allow_minus_one, const char *what, int64_t *ret_bytes,
               struct err *err)
{
    if (allow_minus_one && strcmp(text, "-1") == 0) {
        *ret_bytes = -1;
        return 0;
    }

    const char *at = text;
    struct decimal decimal = {};
    uint64_t factor = decimal_read(&at, &decimal) ? size_factor(at) : 0;
    if (factor == 0)
        return not_a_number(text, what, "a size such as 512, 64k, 1.5g or 10MiB", err);

    wide bytes = 0;
    bool even = decimal_scale(&decimal, factor, &bytes);
    if (decimal.large || bytes > INT64_MAX)
        return too_large(text, what, err);
    if (!even)
        return err_set(err, ERR_INVALID,
                       "%s: %s is not a whole number of bytes; give it in a smaller unit", what,
                       text);
    *ret_bytes = (int64_t)bytes;
    return 0;
}

int nano_parse(const char *text, const char *what, int64_t *ret_nano, struct err *err)
{
    const char *at = text;
    struct decimal decimal = {};
    if (!decimal_read(&at, &decimal) || *at != '\0')
        return not_a_number(text, what, "a number such as 2 or 1.5", err);

    wide nano = 0;
    bool even = decimal_scale(&decimal, NANO_PER_UNIT, &nano);
    if (!even)
        return err_set(err, ERR_INVALID, "%s: %s has more than nine decimal places", what, text);
    if (decimal.large || nano > INT64_MAX)
        return too_large(text, what, err);
    *ret_nano = (int64_t)nano;
    return 0;
}

/* Reads a unit. Gives its factor in nanoseconds, or 0. */
static uint64_t duration_factor(const char **at)
{
    size_t len = strspn(*at, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = 0; i < array_size(duration_units); i++) {
        const struct unit *unit = &duration_units[i];
        if (len > 0 && len == strlen(unit->name) && strncmp(*at, unit->name, len) == 0) {
            *at += len;
            return unit->factor;
        }
    }
    return 0;
}

int duration_parse(const char *text, const char *what, int64_t *ret_ms, struct err *err)
{
    wide total = 0;
    bool fits = true, even = true;
    const char *at = text;
    do {
        struct decimal decimal = {};
        bool first = at == text;
        bool found = decimal_read(&at, &decimal);
        bool alone = first && *at == '\0';
        uint64_t factor = !found ? 0 : alone ? NANO_PER_UNIT : duration_factor(&at);
        if (factor == 0)
            return not_a_number(text, what, "a duration such as 10, 1.5s or 2m30s", err);

        wide nano = 0;
        even = decimal_scale(&decimal, factor, &nano) && even;
        total += nano;
        fits = fits && !decimal.large && total / NANO_PER_MS <= INT64_MAX;
    } while (*at != '\0');

    if (!fits)
        return too_large(text, what, err);
    if (!even || total % NANO_PER_MS != 0)
        return err_set(err, ERR_INVALID, "%s: %s is not a whole number of milliseconds", what,
                       text);
    *ret_ms = (int64_t)(total / NANO_PER_MS);
    return 0;
}

static char *unit_put(char *buffer, size_t len, const char *unit)
{
    (void)snprintf(buffer + len, SIZE_TEXT_SIZE - len, "%s", unit);
    return buffer;
}

char *size_format(uint64_t bytes, char *buffer)
{
    static const char units[][5] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB" };
    double value = (double)bytes;
    size_t unit = 0;
    /* From 1023.95 on, one decimal place would show 1024. */
    for (; value >= 1023.95 && unit + 1 < array_size(units); unit++)
        value /= 1024;

    (void)snprintf(buffer, SIZE_TEXT_SIZE, "%.1f", value);
    size_t len = strlen(buffer);
    if (buffer[len - 1] == '0')
        len -= strlen(".0");
    return unit_put(buffer, len, units[unit]);
}

char *size_format_decimal(uint64_t bytes, char *buffer)
{
    static const char units[][3] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
    double value = (double)bytes;
    size_t unit = 0;
    /* From 999.5 on, three digits would show 1e+03. */
    for (; value >= 999.5 && unit + 1 < array_size(units); unit++)
        value /= 1000;

    (void)snprintf(buffer, SIZE_TEXT_SIZE, "%.3g", value);
    return unit_put(buffer, strlen(buffer), units[unit]);
}
