/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text → tokens. Outside of {{ }} all is one TEXT up to the next action, comments being no action;
 * "{{- " and " -}}" take the blanks away that stand beside them. Inside, blanks part words: a token
 * says whether some went before it.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/template_part.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int template_error(struct view source, size_t at, struct err *err, const char *format, ...)
{
    auto_done(str) text = { .max_bytes = 4096 };
    size_t line = 1, begin = 0;
    va_list args;
    va_start(args, format);
    str_vaddf(&text, format, args);
    va_end(args);
    for (size_t i = 0; i < at && i < source.len; i++) {
        if (source.at[i] != '\n')
            continue;
        line++;
        begin = i + 1;
    }
    return err_set(err, ERR_INVALID, "template: %zu:%zu: %s", line,
                   text_runes(source.at + begin, at - begin) + 1, str_text(&text));
}

static struct view rest_of(const struct lexer *lexer)
{
    return (struct view){ lexer->source.at + lexer->at, lexer->source.len - lexer->at };
}

static bool rest_starts(const struct lexer *lexer, const char *text)
{
    struct view rest = rest_of(lexer);
    size_t len = strlen(text);
    return rest.len >= len && memcmp(rest.at, text, len) == 0;
}

static char char_at(const struct lexer *lexer, size_t ahead)
{
    size_t at = lexer->at + ahead;
    return at < lexer->source.len ? lexer->source.at[at] : '\0';
}

/* " -}}" */
static bool at_trimming_close(const struct lexer *lexer)
{
    return is_blank(char_at(lexer, 0)) && char_at(lexer, 1) == '-' && char_at(lexer, 2) == '}' &&
           char_at(lexer, 3) == '}';
}

/* "{{- " */
static bool at_trimming_open(const struct lexer *lexer)
{
    return char_at(lexer, 2) == '-' && is_blank(char_at(lexer, 3)) &&
           lexer->at + 3 < lexer->source.len;
}

/* ---- text and comments ---- */

/* Behind a comment's opening. */
static int comment_skip(struct lexer *lexer, struct err *err)
{
    struct view rest = rest_of(lexer);
    const char *end = memmem(rest.at, rest.len, "*/", 2);
    if (!end) {
        (void)template_error(lexer->source, lexer->opened, err, "unclosed comment");
        return err_hint(err, "end it with */}}");
    }
    lexer->at = (size_t)(end - lexer->source.at) + 2;
    lexer->trim = at_trimming_close(lexer);
    if (lexer->trim)
        lexer->at += 2;
    if (!rest_starts(lexer, "}}")) {
        (void)template_error(lexer->source, lexer->opened, err,
                             "a comment ends before the action does");
        return err_hint(err, "}} stands right behind */");
    }
    lexer->at += 2;
    return 0;
}

/* From here to the next action. */
static struct token text_take(struct lexer *lexer, bool *ret_opens)
{
    if (lexer->trim)
        while (lexer->at < lexer->source.len && is_blank(char_at(lexer, 0)))
            lexer->at++;
    struct view rest = rest_of(lexer);
    const char *open = memmem(rest.at, rest.len, "{{", 2);
    size_t len = open ? (size_t)(open - rest.at) : rest.len;
    struct token token = { .kind = TOKEN_TEXT, .text = { rest.at, len }, .at = lexer->at };
    lexer->trim = false;
    lexer->at += len;
    *ret_opens = open != NULL;
    if (open && at_trimming_open(lexer))
        while (token.text.len > 0 && is_blank(token.text.at[token.text.len - 1]))
            token.text.len--;
    return token;
}

/* Gives a TEXT that is not empty, or what stands behind it: OPEN, END. */
static int outside_next(struct lexer *lexer, struct token *ret_token, struct err *err)
{
    bool opens;
    while (lexer->at < lexer->source.len) {
        struct token token = text_take(lexer, &opens);
        if (token.text.len > 0) {
            *ret_token = token;
            return 0;
        }
        if (!opens)
            break;
        lexer->opened = lexer->at;
        size_t mark = at_trimming_open(lexer) ? 4 : 2;
        lexer->at += mark;
        if (!rest_starts(lexer, "/*")) {
            lexer->at = lexer->opened + (mark == 4 ? 3 : 2);
            lexer->inside = true;
            lexer->parentheses = 0;
            *ret_token = (struct token){ .kind = TOKEN_OPEN, .at = lexer->opened };
            return 0;
        }
        if (comment_skip(lexer, err) < 0)
            return -1;
    }
    *ret_token = (struct token){ .kind = TOKEN_END, .at = lexer->source.len };
    return 0;
}

/* ---- actions ---- */

/* Letters, digits, '_', and whatever is beyond ASCII. */
static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static void word_skip(struct lexer *lexer)
{
    while (lexer->at < lexer->source.len && is_word_char(char_at(lexer, 0)))
        lexer->at++;
}

static int bad_char(const struct lexer *lexer, struct err *err)
{
    auto_done(str) shown = {};
    struct view rest = rest_of(lexer);
    uint32_t code;
    size_t step = utf8_decode((const unsigned char *)rest.at, rest.len, &code);
    text_escape(&shown, rest.at, step > 0 ? step : 1);
    return template_error(lexer->source, lexer->at, err, "unexpected character '%s'",
                          str_text(&shown));
}

/* A word, field or variable ends at a blank, a delimiter or one of .,|:() */
static int word_end_check(const struct lexer *lexer, struct err *err)
{
    char c = char_at(lexer, 0);
    if (lexer->at >= lexer->source.len || is_blank(c) || (c && strchr(".,|:()", c)) ||
        rest_starts(lexer, "}}"))
        return 0;
    return bad_char(lexer, err);
}

/* A text in quotes, at its first one. */
static int quoted_skip(struct lexer *lexer, char quote, struct err *err)
{
    size_t begin = lexer->at++;
    for (; lexer->at < lexer->source.len; lexer->at++) {
        char c = char_at(lexer, 0);
        if (c == quote) {
            lexer->at++;
            return 0;
        }
        if (c == '\n' && quote != '`')
            break;
        if (c == '\\' && quote != '`' && lexer->at + 1 < lexer->source.len &&
            char_at(lexer, 1) != '\n')
            lexer->at++;
    }
    (void)template_error(lexer->source, begin, err, "unclosed %s",
                         quote == '\'' ? "character" : "text in quotes");
    return err_hint(err, "close it with %c", quote);
}

/* As many characters as a number may have; whether it is one is seen when it is read. */
static int number_skip(struct lexer *lexer, struct err *err)
{
    size_t begin = lexer->at;
    bool hexadecimal = false;
    if (char_at(lexer, 0) == '+' || char_at(lexer, 0) == '-')
        lexer->at++;
    hexadecimal = char_at(lexer, 0) == '0' && (char_at(lexer, 1) | 0x20) == 'x';
    for (; lexer->at < lexer->source.len; lexer->at++) {
        char c = char_at(lexer, 0), before = (char)(char_at(lexer, (size_t)-1) | 0x20);
        bool sign = (c == '+' || c == '-') && before == (hexadecimal ? 'p' : 'e');
        if (!is_word_char(c) && c != '.' && !sign)
            break;
    }
    if (lexer->at == begin)
        return bad_char(lexer, err);
    return 0;
}

static const struct {
    char c;
    enum token_kind kind;
} signs[] = {
    { '|', TOKEN_PIPE },  { ',', TOKEN_COMMA },  { '(', TOKEN_LEFT },
    { ')', TOKEN_RIGHT }, { '=', TOKEN_ASSIGN },
};

/* A token of one or two signs. Gives whether there is one. */
static bool sign_take(struct lexer *lexer, struct token *token)
{
    if (rest_starts(lexer, ":=")) {
        token->kind = TOKEN_DECLARE;
        lexer->at += 2;
        return true;
    }
    for (size_t i = 0; i < array_size(signs); i++) {
        if (char_at(lexer, 0) != signs[i].c)
            continue;
        token->kind = signs[i].kind;
        lexer->at++;
        return true;
    }
    return false;
}

static int parentheses_count(struct lexer *lexer, enum token_kind kind, struct err *err)
{
    if (kind == TOKEN_LEFT)
        lexer->parentheses++;
    if (kind != TOKEN_RIGHT)
        return 0;
    if (lexer->parentheses-- == 0)
        return template_error(lexer->source, lexer->at - 1, err,
                              "a closing parenthesis without an opening one");
    return 0;
}

static int quoted_take(struct lexer *lexer, struct token *token, struct err *err)
{
    char c = char_at(lexer, 0);
    token->kind = c == '"' ? TOKEN_STRING : c == '`' ? TOKEN_RAW : TOKEN_RUNE;
    return quoted_skip(lexer, c, err);
}

static int dot_take(struct lexer *lexer, struct token *token, struct err *err)
{
    lexer->at++;
    if (!is_word_char(char_at(lexer, 0))) {
        token->kind = TOKEN_DOT;
        return 0;
    }
    token->kind = TOKEN_FIELD;
    word_skip(lexer);
    return word_end_check(lexer, err);
}

static int word_take(struct lexer *lexer, struct token *token, struct err *err)
{
    token->kind = char_at(lexer, 0) == '$' ? TOKEN_VARIABLE : TOKEN_WORD;
    lexer->at += token->kind == TOKEN_VARIABLE;
    word_skip(lexer);
    return word_end_check(lexer, err);
}

static int word_or_number_take(struct lexer *lexer, struct token *token, struct err *err)
{
    char c = char_at(lexer, 0), next = char_at(lexer, 1);
    bool number = isdigit((unsigned char)c) || c == '+' || c == '-' ||
                  (c == '.' && isdigit((unsigned char)next));
    if (c == '"' || c == '`' || c == '\'')
        return quoted_take(lexer, token, err);
    if (number) {
        token->kind = TOKEN_NUMBER;
        return number_skip(lexer, err);
    }
    if (c == '.')
        return dot_take(lexer, token, err);
    if (c == '$' || (is_word_char(c) && !isdigit((unsigned char)c)))
        return word_take(lexer, token, err);
    return bad_char(lexer, err);
}

static int unclosed(const struct lexer *lexer, struct err *err)
{
    if (lexer->parentheses > 0) {
        (void)template_error(lexer->source, lexer->opened, err, "unclosed parenthesis");
        return err_hint(err, "close it with )");
    }
    (void)template_error(lexer->source, lexer->opened, err, "unclosed action");
    return err_hint(err, "close it with }}");
}

static int close_take(struct lexer *lexer, struct token *token, struct err *err)
{
    lexer->trim = at_trimming_close(lexer);
    lexer->at += lexer->trim ? 4 : 2;
    lexer->inside = false;
    token->kind = TOKEN_CLOSE;
    return lexer->parentheses > 0 ? unclosed(lexer, err) : 0;
}

static int inside_next(struct lexer *lexer, struct token *ret_token, struct err *err)
{
    struct token token = { .at = lexer->at };
    if (at_trimming_close(lexer) || rest_starts(lexer, "}}")) {
        *ret_token = token;
        return close_take(lexer, ret_token, err);
    }
    struct view rest = rest_of(lexer);
    while (rest.len > 0 && is_blank(*rest.at) && !at_trimming_close(lexer)) {
        token.spaced = true;
        token.at = ++lexer->at;
        rest = rest_of(lexer);
    }
    if (rest.len == 0)
        return unclosed(lexer, err);
    if (at_trimming_close(lexer) || rest_starts(lexer, "}}")) {
        *ret_token = token;
        return close_take(lexer, ret_token, err);
    }
    if (sign_take(lexer, &token)) {
        if (parentheses_count(lexer, token.kind, err) < 0)
            return -1;
    } else if (word_or_number_take(lexer, &token, err) < 0) {
        return -1;
    }
    token.text = (struct view){ lexer->source.at + token.at, lexer->at - token.at };
    *ret_token = token;
    return 0;
}

int lexer_next(struct lexer *lexer, struct token *ret_token, struct err *err)
{
    return lexer->inside ? inside_next(lexer, ret_token, err) : outside_next(lexer, ret_token, err);
}
