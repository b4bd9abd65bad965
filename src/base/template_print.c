/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's package fmt: what Printf makes of a format, and %v of a value. A verb goes down into lists,
 * maps and structs with all its flags. What does not fit is no failure but stands in the text:
 * %!d(string=x), %!s(MISSING), %!(EXTRA int=1).
 */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/template_part.h"

enum { NUMBER_MAX = 1000000 }; /* a width or precision above is refused */

struct verb {
    uint32_t code;
    bool plus, minus, sharp, space, zero;
    bool plus_v, sharp_v; /* the flags of %+v and %#v */
    bool has_width, has_precision;
    size_t width, precision;
};

static void print_value(const struct verb *verb, const struct value *value, struct str *out);

/* ---- padding ---- */

static void fill(struct str *out, char c, size_t n)
{
    for (size_t i = 0; i < n && !out->over; i++)
        str_add_char(out, c);
}

size_t text_runes(const char *at, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; n++) {
        uint32_t code;
        size_t step = utf8_decode((const unsigned char *)at + i, len - i, &code);
        i += step > 0 ? step : 1;
    }
    return n;
}

static void pad(const struct verb *verb, bool zeroes, const char *at, size_t len, struct str *out)
{
    size_t runes = verb->has_width ? text_runes(at, len) : 0;
    size_t gap = verb->has_width && verb->width > runes ? verb->width - runes : 0;
    if (!verb->minus)
        fill(out, zeroes ? '0' : ' ', gap);
    str_add_bytes(out, at, len);
    if (verb->minus)
        fill(out, ' ', gap);
}

/* ---- whole numbers ---- */

/* Digits from the end of a buffer; gives where they begin. */
static char *digits_make(uint64_t number, unsigned base, bool capitals, char *end)
{
    const char *digits = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    do
        *--end = digits[number % base];
    while ((number /= base) > 0);
    return end;
}

static const char *sign_of(const struct verb *verb, bool negative)
{
    return negative ? "-" : verb->plus ? "+" : verb->space ? " " : "";
}

static const char *base_prefix(const struct verb *verb, unsigned base, const char *digits)
{
    if (verb->code == 'O')
        return "0o";
    if (!verb->sharp)
        return "";
    return base == 2                       ? "0b"
           : base == 8 && digits[0] != '0' ? "0"
           : base == 16                    ? verb->code == 'X' ? "0X" : "0x"
                                           : "";
}

static void print_digits(const struct verb *verb, uint64_t size, bool negative, unsigned base,
                         struct str *out)
{
    char buffer[64];
    char *end = buffer + sizeof(buffer);
    auto_done(str) text = { .max_bytes = 2 * NUMBER_MAX };
    const char *sign = sign_of(verb, negative);
    size_t least = verb->has_precision ? verb->precision : 0;
    if (!verb->has_precision && verb->zero && verb->has_width)
        least = verb->width - (sign[0] && verb->width > 0);
    if (verb->has_precision && least == 0 && size == 0) {
        pad(verb, false, "", 0, out);
        return;
    }
    char *at = digits_make(size, base, verb->code == 'X', end);
    auto_done(str) digits = { .max_bytes = 2 * NUMBER_MAX };
    if (least > (size_t)(end - at))
        fill(&digits, '0', least - (size_t)(end - at));
    str_add_bytes(&digits, at, (size_t)(end - at));
    str_addf(&text, "%s%s%s", sign, base_prefix(verb, base, str_text(&digits)), str_text(&digits));
    pad(verb, false, str_text(&text), text.len, out);
}

static void print_rune(const struct verb *verb, uint64_t code, struct str *out)
{
    auto_done(str) text = {};
    rune_add(&text, code > 0x10ffff ? 0xfffd : (uint32_t)code);
    pad(verb, verb->zero, text.at, text.len, out);
}

static void print_quoted_rune(const struct verb *verb, uint64_t code, struct str *out)
{
    auto_done(str) text = {};
    rune_quote(&text, code > 0x10ffff ? 0xfffd : (uint32_t)code, verb->plus);
    pad(verb, verb->zero, text.at, text.len, out);
}

static void print_unicode(const struct verb *verb, uint64_t code, struct str *out)
{
    auto_done(str) text = { .max_bytes = 2 * NUMBER_MAX };
    int least = verb->has_precision && verb->precision > 4 ? (int)verb->precision : 4;
    str_addf(&text, "U+%0*" PRIX64, least, code);
    if (verb->sharp && code <= 0x10ffff && rune_is_printed((uint32_t)code)) {
        str_add(&text, " '");
        rune_add(&text, (uint32_t)code);
        str_add_char(&text, '\'');
    }
    pad(verb, false, text.at, text.len, out);
}

/* False: the verb is not for whole numbers. */
static bool print_whole(const struct verb *verb, uint64_t size, bool negative, struct str *out)
{
    static const struct {
        char code;
        uint8_t base;
    } bases[] = { { 'v', 10 }, { 'd', 10 }, { 'b', 2 }, { 'o', 8 },
                  { 'O', 8 },  { 'x', 16 }, { 'X', 16 } };
    for (size_t i = 0; i < array_size(bases); i++) {
        if (verb->code != (unsigned char)bases[i].code)
            continue;
        print_digits(verb, size, negative, bases[i].base, out);
        return true;
    }
    uint64_t code = negative ? -size : size;
    if (verb->code == 'c')
        print_rune(verb, code, out);
    else if (verb->code == 'q')
        print_quoted_rune(verb, code, out);
    else if (verb->code == 'U')
        print_unicode(verb, code, out);
    else
        return false;
    return true;
}

/* ---- floats ---- */

/* The fewest digits that read back as the same number: the precision of %e, from 0. */
static int shortest_precision(double real)
{
    char text[40];
    for (int precision = 0; precision < 17; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision, real);
        if (strtod(text, NULL) == real)
            return precision;
    }
    return 17;
}

/* Go's exponents have two digits at least, as C's do; those of hexadecimal floats as well. */
static void exponent_widen(struct str *text)
{
    const char *p = strpbrk(str_text(text), "pP");
    if (!p || strlen(p) != 3)
        return;
    char digit = p[2];
    text->at[text->len - 1] = '0';
    str_add_char(text, digit);
}

/* %g with the fewest digits: with an exponent below 1e-4 and from 1e6 on. */
static void general_shortest(double real, bool capital, struct str *out)
{
    char text[40];
    int precision = shortest_precision(real);
    (void)snprintf(text, sizeof(text), "%.*e", precision, real);
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= 6)
        str_addf(out, capital ? "%.*E" : "%.*e", precision, real);
    else
        str_addf(out, "%.*f", precision > exponent ? precision - exponent : 0, real);
}

static void binary_float(double real, struct str *out)
{
    int exponent;
    double fraction = frexp(fabs(real), &exponent);
    uint64_t mantissa = (uint64_t)ldexp(fraction, 53);
    if (exponent < -1021) { /* a subnormal number */
        mantissa >>= -1021 - exponent;
        exponent = -1021;
    }
    if (real == 0)
        exponent = -1021;
    str_addf(out, "%s%" PRIu64 "p%+d", signbit(real) ? "-" : "", mantissa, exponent - 53);
}

static void hexadecimal_float(const struct verb *verb, double real, struct str *out)
{
    auto_done(str) text = {};
    bool capital = verb->code == 'X';
    if (verb->has_precision)
        str_addf(&text, capital ? "%.*A" : "%.*a", (int)verb->precision, real);
    else
        str_addf(&text, capital ? "%A" : "%a", real);
    exponent_widen(&text);
    str_add(out, str_text(&text));
}

/* The number alone, with a '-' if it is negative. */
static void float_format(const struct verb *verb, double real, struct str *out)
{
    bool sharp = verb->sharp;
    int precision = verb->has_precision ? (int)verb->precision : 6;
    switch (verb->code) {
    case 'b':
        binary_float(real, out);
        return;
    case 'x':
    case 'X':
        hexadecimal_float(verb, real, out);
        return;
    case 'e':
        str_addf(out, sharp ? "%#.*e" : "%.*e", precision, real);
        return;
    case 'E':
        str_addf(out, sharp ? "%#.*E" : "%.*E", precision, real);
        return;
    case 'f':
    case 'F':
        str_addf(out, sharp ? "%#.*f" : "%.*f", precision, real);
        return;
    default: /* v, g, G */
        break;
    }
    bool capital = verb->code == 'G';
    if (!verb->has_precision && !(sharp && shortest_precision(real) < 6))
        general_shortest(real, capital, out);
    else if (capital)
        str_addf(out, sharp ? "%#.*G" : "%.*G", precision, real);
    else
        str_addf(out, sharp ? "%#.*g" : "%.*g", precision, real);
}

/* False: the verb is not for floats. */
static bool print_float(const struct verb *verb, double real, struct str *out)
{
    if (verb->code == 0 || verb->code > 0x7f || !strchr("vbgGxXfFeE", (int)verb->code))
        return false;
    auto_done(str) text = { .max_bytes = 2 * NUMBER_MAX };
    bool zero = verb->zero;
    if (isnan(real) || isinf(real)) {
        str_add(&text, isnan(real) ? "NaN" : real < 0 ? "-Inf" : "Inf");
        zero = false;
    } else {
        float_format(verb, real, &text);
    }
    const char *at = str_text(&text);
    bool negative = at[0] == '-';
    const char *sign = isinf(real) && !negative && !verb->space ? "+" : sign_of(verb, negative);
    at += negative;
    size_t len = strlen(sign) + strlen(at);
    if (zero && verb->has_width && verb->width > len && !verb->minus) {
        str_add(out, sign);
        fill(out, '0', verb->width - len);
        str_add(out, at);
        return true;
    }
    auto_free char *whole = xasprintf("%s%s", sign, at);
    pad(verb, false, whole, len, out);
    return true;
}

/* ---- texts ---- */

static void print_hex(const struct verb *verb, struct view text, struct str *out)
{
    auto_done(str) hex = {};
    size_t len = verb->has_precision && verb->precision < text.len ? verb->precision : text.len;
    bool capital = verb->code == 'X';
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && verb->space)
            str_add_char(&hex, ' ');
        if (verb->sharp && (i == 0 || verb->space))
            str_add(&hex, capital ? "0X" : "0x");
        str_addf(&hex, capital ? "%02X" : "%02x", (unsigned char)text.at[i]);
    }
    pad(verb, verb->zero, str_text(&hex), hex.len, out);
}

/* The first `precision` characters. */
static struct view cut_runes(const struct verb *verb, struct view text)
{
    if (!verb->has_precision)
        return text;
    size_t at = 0;
    for (size_t n = 0; at < text.len && n < verb->precision; n++) {
        uint32_t code;
        size_t step = utf8_decode((const unsigned char *)text.at + at, text.len - at, &code);
        at += step > 0 ? step : 1;
    }
    return (struct view){ text.at, at };
}

/* False: the verb is not for texts. */
static bool print_text(const struct verb *verb, struct view text, struct str *out)
{
    if (verb->code == 'x' || verb->code == 'X') {
        print_hex(verb, text, out);
        return true;
    }
    struct view cut = cut_runes(verb, text);
    if (verb->code == 's' || (verb->code == 'v' && !verb->sharp_v)) {
        pad(verb, verb->zero, cut.at, cut.len, out);
        return true;
    }
    if (verb->code != 'q' && verb->code != 'v')
        return false;
    auto_done(str) quoted = {};
    if (verb->sharp && text_fits_backquotes(cut))
        str_addf(&quoted, "`%.*s`", (int)cut.len, cut.at ? cut.at : "");
    else
        text_quote(&quoted, cut, verb->plus);
    pad(verb, verb->zero, quoted.at, quoted.len, out);
    return true;
}

/* ---- what has parts ---- */

static void print_list(const struct verb *verb, const struct value *list, struct str *out)
{
    if (verb->sharp_v)
        value_type(list, out);
    str_add_char(out, verb->sharp_v ? '{' : '[');
    for (size_t i = 0; i < list->list.len && !out->over; i++) {
        if (i > 0)
            str_add(out, verb->sharp_v ? ", " : " ");
        print_value(verb, &list->list.at[i], out);
    }
    str_add_char(out, verb->sharp_v ? '}' : ']');
}

static void print_map(const struct verb *verb, const struct value *map, struct str *out)
{
    if (verb->sharp_v)
        value_type(map, out);
    str_add(out, verb->sharp_v ? "{" : "map[");
    for (size_t i = 0; i < map->map.len && !out->over; i++) {
        if (i > 0)
            str_add(out, verb->sharp_v ? ", " : " ");
        const struct value key = value_text(map->map.at[i].name);
        print_value(verb, &key, out);
        str_add_char(out, ':');
        print_value(verb, &map->map.at[i].value, out);
    }
    str_add_char(out, verb->sharp_v ? '}' : ']');
}

static void print_struct(const struct verb *verb, const struct value *of, struct str *out)
{
    if (verb->sharp_v)
        value_type(of, out);
    str_add_char(out, '{');
    for (size_t i = 0; i < of->map.len && !out->over; i++) {
        const struct value_member *member = &of->map.at[i];
        if (i > 0)
            str_add(out, verb->sharp_v ? ", " : " ");
        if (verb->sharp_v || verb->plus_v)
            str_addf(out, "%.*s:", (int)member->name.len, member->name.at);
        print_value(verb, &member->value, out);
    }
    str_add_char(out, '}');
}

static void print_wrong(const struct verb *verb, const struct value *value, struct str *out)
{
    struct verb plain = *verb;
    plain.code = 'v';
    str_add(out, "%!");
    rune_add(out, verb->code);
    str_add_char(out, '(');
    value_type(value, out);
    if (value->kind != VALUE_NIL) {
        str_add_char(out, '=');
        print_value(&plain, value, out);
    }
    str_add_char(out, ')');
}

static bool print_bool(const struct verb *verb, bool truth, struct str *out)
{
    const char *text = truth ? "true" : "false";
    if (verb->code != 't' && verb->code != 'v')
        return false;
    pad(verb, verb->zero, text, strlen(text), out);
    return true;
}

/* In something else: whatever the verb. */
static void print_nil(const struct verb *verb, struct str *out)
{
    const char *text = verb->sharp_v ? "interface {}(nil)" : "<nil>";
    pad(verb, verb->zero, text, strlen(text), out);
}

static void print_value(const struct verb *verb, const struct value *value, struct str *out)
{
    bool fits = true;
    switch (value->kind) {
    case VALUE_NIL:
        print_nil(verb, out);
        break;
    case VALUE_BOOL:
        fits = print_bool(verb, value->truth, out);
        break;
    case VALUE_INT:
        fits =
            print_whole(verb, value->whole < 0 ? -(uint64_t)value->whole : (uint64_t)value->whole,
                        value->whole < 0, out);
        break;
    case VALUE_UINT:
        fits = print_whole(verb, value->natural, false, out);
        break;
    case VALUE_FLOAT:
        fits = print_float(verb, value->real, out);
        break;
    case VALUE_TEXT:
        fits = print_text(verb, value->text, out);
        break;
    case VALUE_LIST:
        print_list(verb, value, out);
        break;
    case VALUE_MAP:
        print_map(verb, value, out);
        break;
    case VALUE_STRUCT:
    case VALUE_ROW: /* made before */
        print_struct(verb, value, out);
        break;
    }
    if (!fits)
        print_wrong(verb, value, out);
}

/* ---- formats ---- */

struct printing {
    struct view format;
    size_t at;
    const struct value *args;
    size_t n;
    size_t next;      /* the argument whose turn it is */
    bool reordered;   /* [1] was used: nothing is extra */
    bool wrong_index; /* in this verb */
    struct str *out;
};

static bool format_is(const struct printing *printing, char c)
{
    return printing->at < printing->format.len && printing->format.at[printing->at] == c;
}

/* Digits, if there are any. False: none. */
static bool number_take(struct printing *printing, size_t *ret_number)
{
    size_t begin = printing->at, number = 0;
    for (; printing->at < printing->format.len &&
           isdigit((unsigned char)printing->format.at[printing->at]);
         printing->at++) {
        if (number > NUMBER_MAX)
            return false;
        number = number * 10 + (size_t)(printing->format.at[printing->at] - '0');
    }
    *ret_number = number;
    return printing->at > begin && number <= NUMBER_MAX;
}

/* "[2]": the number of the next argument. Gives whether there was one. */
static bool index_take(struct printing *printing)
{
    size_t number;
    if (!format_is(printing, '['))
        return false;
    printing->reordered = true;
    printing->at++;
    const char *close =
        memchr(printing->format.at + printing->at, ']', printing->format.len - printing->at);
    if (!close) {
        printing->wrong_index = true;
        return false;
    }
    bool good = number_take(printing, &number) && format_is(printing, ']') && number >= 1 &&
                number <= printing->n;
    printing->at = (size_t)(close - printing->format.at) + 1;
    if (good)
        printing->next = number - 1;
    else
        printing->wrong_index = true;
    return good;
}

/* The value of a '*'. False: it is no number, or not there. */
static bool star_take(struct printing *printing, int64_t *ret_number)
{
    if (printing->next >= printing->n)
        return false;
    const struct value *arg = &printing->args[printing->next++];
    if (arg->kind != VALUE_INT || arg->whole > NUMBER_MAX || arg->whole < -NUMBER_MAX)
        return false;
    *ret_number = arg->whole;
    return true;
}

static void flags_take(struct printing *printing, struct verb *verb)
{
    for (; printing->at < printing->format.len; printing->at++) {
        char c = printing->format.at[printing->at];
        if (c == '#')
            verb->sharp = true;
        else if (c == '0')
            verb->zero = !verb->minus;
        else if (c == '+')
            verb->plus = true;
        else if (c == '-')
            verb->minus = true;
        else if (c == ' ')
            verb->space = true;
        else
            break;
        verb->zero = verb->zero && !verb->minus;
    }
}

static bool width_take(struct printing *printing, struct verb *verb, bool indexed)
{
    int64_t number = 0;
    if (!format_is(printing, '*')) {
        verb->has_width = number_take(printing, &verb->width);
        if (indexed && verb->has_width) /* "%[3]2d" */
            printing->wrong_index = true;
        return indexed;
    }
    printing->at++;
    verb->has_width = star_take(printing, &number);
    if (!verb->has_width) {
        str_add(printing->out, "%!(BADWIDTH)");
        return false;
    }
    verb->width = (size_t)(number < 0 ? -number : number);
    verb->minus = verb->minus || number < 0;
    verb->zero = verb->zero && !verb->minus;
    return false;
}

static bool precision_take(struct printing *printing, struct verb *verb, bool indexed)
{
    int64_t number = 0;
    if (!format_is(printing, '.'))
        return indexed;
    printing->at++;
    if (indexed) /* "%[3].2d" */
        printing->wrong_index = true;
    indexed = index_take(printing);
    verb->has_precision = true;
    if (!format_is(printing, '*')) {
        if (!number_take(printing, &verb->precision))
            verb->precision = 0;
        return indexed;
    }
    printing->at++;
    bool good = star_take(printing, &number);
    verb->has_precision = good && number >= 0;
    if (!good)
        str_add(printing->out, "%!(BADPREC)");
    verb->precision = verb->has_precision ? (size_t)number : 0;
    return false;
}

static void verb_print(struct printing *printing, struct verb *verb)
{
    const char *why = printing->wrong_index           ? "BADINDEX"
                      : printing->next >= printing->n ? "MISSING"
                                                      : NULL;
    if (verb->code == '%') {
        str_add_char(printing->out, '%');
        return;
    }
    if (why) {
        str_add(printing->out, "%!");
        rune_add(printing->out, verb->code);
        str_addf(printing->out, "(%s)", why);
        return;
    }
    const struct value *arg = &printing->args[printing->next++];
    if (verb->code == 'T') {
        auto_done(str) type = {};
        value_type(arg, &type);
        pad(verb, verb->zero, str_text(&type), type.len, printing->out);
        return;
    }
    if (arg->kind == VALUE_NIL && verb->code != 'v') {
        print_wrong(verb, arg, printing->out);
        return;
    }
    if (verb->code == 'v' && arg->kind != VALUE_NIL) {
        verb->sharp_v = verb->sharp;
        verb->plus_v = verb->plus;
        verb->sharp = verb->plus = false;
    }
    print_value(verb, arg, printing->out);
}

/* Behind a '%'. */
static void verb_take(struct printing *printing)
{
    struct verb verb = {};
    printing->wrong_index = false;
    flags_take(printing, &verb);
    bool indexed = index_take(printing);
    indexed = width_take(printing, &verb, indexed);
    indexed = precision_take(printing, &verb, indexed);
    if (!indexed)
        (void)index_take(printing);
    if (printing->at >= printing->format.len) {
        str_add(printing->out, "%!(NOVERB)");
        return;
    }
    const unsigned char *at = (const unsigned char *)printing->format.at + printing->at;
    size_t step = utf8_decode(at, printing->format.len - printing->at, &verb.code);
    if (step == 0)
        verb.code = 0xfffd;
    printing->at += step > 0 ? step : 1;
    verb_print(printing, &verb);
}

static void print_extra(struct printing *printing)
{
    const struct verb plain = { .code = 'v' };
    str_add(printing->out, "%!(EXTRA ");
    for (size_t i = printing->next; i < printing->n; i++) {
        if (i > printing->next)
            str_add(printing->out, ", ");
        value_type(&printing->args[i], printing->out);
        if (printing->args[i].kind == VALUE_NIL)
            continue;
        str_add_char(printing->out, '=');
        print_value(&plain, &printing->args[i], printing->out);
    }
    str_add_char(printing->out, ')');
}

void value_printf(struct view format, const struct value *args, size_t n, struct str *out)
{
    struct printing printing = { .format = format, .args = args, .n = n, .out = out };
    while (printing.at < format.len && !out->over) {
        const char *from = format.at + printing.at;
        const char *percent = memchr(from, '%', format.len - printing.at);
        size_t plain = percent ? (size_t)(percent - from) : format.len - printing.at;
        str_add_bytes(out, from, plain);
        printing.at += plain + (percent != NULL);
        if (percent)
            verb_take(&printing);
    }
    if (!printing.reordered && printing.next < n)
        print_extra(&printing);
}

void value_print(const struct value *value, struct str *out)
{
    const struct verb plain = { .code = 'v' };
    print_value(&plain, value, out);
}
