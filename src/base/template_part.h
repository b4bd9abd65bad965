/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of the interpreter for each other: text → tokens → nodes → output. For
 * base/template*.c alone. */
#include "base/template.h"

/* Limits: no template that somebody wrote comes near. */
enum {
    TEMPLATE_TEXT_MAX = 1 << 20,    /* bytes of a template */
    TEMPLATE_NESTING_MAX = 100,     /* of actions and parentheses in each other */
    TEMPLATE_FIELDS_MAX = 100,      /* in a chain: .A.B.C */
    TEMPLATE_CALLS_MAX = 100,       /* of {{template}} in each other */
    TEMPLATE_STEPS_MAX = 4 << 20,   /* nodes evaluated, items of lists, 64 bytes of text each */
    TEMPLATE_MEMORY_MAX = 32 << 20, /* bytes of values made meanwhile, and of one of them */
    TEMPLATE_OUTPUT_MAX = 32 << 20,
};

/* --- tokens (template_lex.c) --- */

enum token_kind {
    TOKEN_END,
    TOKEN_TEXT,
    TOKEN_OPEN,  /* {{ */
    TOKEN_CLOSE, /* }} */
    TOKEN_WORD,  /* an identifier, a keyword */
    TOKEN_DOT,
    TOKEN_FIELD,    /* .Name: text is the name */
    TOKEN_VARIABLE, /* $, $name */
    TOKEN_NUMBER,
    TOKEN_RUNE,   /* 'x' */
    TOKEN_STRING, /* "x" */
    TOKEN_RAW,    /* `x` */
    TOKEN_PIPE,
    TOKEN_COMMA,
    TOKEN_ASSIGN,  /* = */
    TOKEN_DECLARE, /* := */
    TOKEN_LEFT,    /* ( */
    TOKEN_RIGHT,   /* ) */
};

struct token {
    enum token_kind kind;
    struct view text; /* with its quotes */
    size_t at;        /* in the source */
    bool spaced;      /* blanks went before it */
};

struct lexer {
    struct view source;
    size_t at;
    size_t opened; /* where the action began that is being read */
    bool inside;   /* an action */
    bool trim;     /* the text that follows begins without blanks */
    size_t parentheses;
};

/* Gives the next token; END for ever behind the last. */
int lexer_next(struct lexer *lexer, struct token *ret_token, struct err *err);
/* Sets the error "template: LINE:COLUMN: …" for a place in the source. Returns -1. */
int template_error(struct view source, size_t at, struct err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The value of a NUMBER, RUNE, STRING or RAW token; text is the pool's. */
int token_value(struct view source, const struct token *token, struct pool *pool,
                struct value *ret_value, struct err *err);

/* --- nodes (template_parse.c) --- */

enum node_kind {
    NODE_TEXT,
    NODE_ACTION,
    NODE_IF,
    NODE_WITH,
    NODE_RANGE,
    NODE_TEMPLATE,
    NODE_BREAK,
    NODE_CONTINUE,
    /* operands */
    NODE_DOT,
    NODE_NIL,
    NODE_CONSTANT,
    NODE_FIELD,    /* .A.B */
    NODE_VARIABLE, /* $x.A.B */
    NODE_CHAIN,    /* (pipe).A.B */
    NODE_FUNCTION,
    NODE_PIPE, /* (pipe) */
};

struct node {
    enum node_kind kind;
    size_t at;
    struct node *next;  /* in a list of nodes, or of a call's words */
    struct view text;   /* TEXT; the name of a VARIABLE, TEMPLATE or FUNCTION */
    struct value value; /* CONSTANT */
    struct view *fields;
    size_t n_fields;
    const struct function *function;
    struct pipe *pipe;
    struct node *inner; /* of a CHAIN */
    struct node *body;
    struct node *otherwise;
};

/* One command of a pipeline: an operand and its arguments. */
struct call {
    struct node *words;
    size_t n_words;
    struct call *next;
};

struct pipe {
    size_t at;
    struct view variables[2];
    size_t n_variables;
    bool assigns; /* = and not := */
    struct call *calls;
};

struct definition {
    struct view name;
    struct node *body;
    struct definition *next;
};

struct template
{
    struct pool pool; /* holds all of it */
    struct view source;
    struct node *body;
    struct definition *definitions;
};

/* --- functions (template_func.c) --- */

/* What a function is called with. */
struct calling {
    struct pool *pool;
    enum template_flags flags;
    const struct value *args; /* made */
    size_t n;
    size_t *steps; /* what it costs is added */
};

struct function {
    const char *name;
    /* A letter an argument: s a text, i a whole number, a anything; * behind: any number more. */
    const char *takes;
    /* The error says what is wrong, without the function's name. */
    int (*call)(const struct calling *calling, struct value *ret_value, struct err *err);
};

/* NULL: there is none of that name. `and` and `or` have no call: the interpreter does them. */
const struct function *function_find(struct view name);
/* Adds "and, call, eq …" for an error. */
void functions_list(struct str *out);

/* --- text (template_text.c, template_print.c) --- */

void rune_add(struct str *out, uint32_t code);
bool rune_is_printed(uint32_t code);
/* As strconv.Quote; ascii: what is beyond is escaped as well. */
void rune_quote(struct str *out, uint32_t code, bool ascii);
void text_quote(struct str *out, struct view text, bool ascii);
bool text_fits_backquotes(struct view text);
void text_html(struct str *out, struct view text);
void text_js(struct str *out, struct view text);
void text_url(struct str *out, struct view text);
enum text_case { CASE_LOWER, CASE_UPPER, CASE_TITLE };
void text_case(struct str *out, struct view text, enum text_case to);
/* Characters, each byte that is not UTF-8 counting as one. */
size_t text_runes(const char *at, size_t len);
