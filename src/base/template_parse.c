/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens → nodes, by descent. Variables are known from their declaration to the end of the action
 * they were declared in, which is checked here; functions are looked up here as well. What was
 * opened is remembered for the error about what was not closed.
 */
#include <string.h>

#include "base/template_part.h"

enum { VARIABLES_MAX = 1000 };

struct parser {
    struct template *template;
    struct lexer lexer;
    struct token token; /* the next one */
    struct view variables[VARIABLES_MAX];
    size_t n_variables;
    size_t nesting;
    size_t ranges; /* around this place */
};

enum end_word { END_END, END_ELSE };

static int error_at(const struct parser *parser, size_t at, struct err *err, const char *what)
{
    return template_error(parser->template->source, at, err, "%s", what);
}

static int next(struct parser *parser, struct err *err)
{
    return lexer_next(&parser->lexer, &parser->token, err);
}

static bool token_is_word(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && view_is(token->text, word);
}

static struct node *node_new(struct parser *parser, enum node_kind kind, size_t at)
{
    struct node *node = pool_array(&parser->template->pool, struct node, 1);
    node->kind = kind;
    node->at = at;
    return node;
}

static int unexpected(const struct parser *parser, const char *where, struct err *err)
{
    const struct token *token = &parser->token;
    auto_done(str) shown = {};
    if (token->kind == TOKEN_CLOSE)
        str_add(&shown, "}}");
    else if (token->kind == TOKEN_END)
        str_add(&shown, "end of the template");
    else
        text_escape(&shown, token->text.at, token->text.len);
    return template_error(parser->template->source, token->at, err, "unexpected %s in %s",
                          str_text(&shown), where);
}

static int close_expect(struct parser *parser, const char *where, struct err *err)
{
    if (parser->token.kind != TOKEN_CLOSE)
        return unexpected(parser, where, err);
    return next(parser, err);
}

static int nest(struct parser *parser, struct err *err)
{
    if (++parser->nesting <= TEMPLATE_NESTING_MAX)
        return 0;
    return template_error(parser->template->source, parser->token.at, err,
                          "nested deeper than %d levels", TEMPLATE_NESTING_MAX);
}

/* ---- variables ---- */

static int variable_declare(struct parser *parser, struct view name, struct err *err)
{
    if (parser->n_variables == VARIABLES_MAX)
        return error_at(parser, parser->token.at, err, "too many variables");
    parser->variables[parser->n_variables++] = name;
    return 0;
}

static int variable_check(const struct parser *parser, struct view name, size_t at, struct err *err)
{
    for (size_t i = 0; i < parser->n_variables; i++)
        if (parser->variables[i].len == name.len &&
            memcmp(parser->variables[i].at, name.at, name.len) == 0)
            return 0;
    (void)template_error(parser->template->source, at, err, "there is no variable %.*s",
                         (int)name.len, name.at);
    return err_hint(err, "declare it before: {{%.*s := …}}", (int)name.len, name.at);
}

/* ---- operands ---- */

static int pipe_parse(struct parser *parser, const char *where, enum token_kind end,
                      struct pipe **ret_pipe, struct err *err);

static int function_parse(struct parser *parser, struct node *node, struct err *err)
{
    static const char *const keywords[] = { "block", "break", "continue", "define",   "else",
                                            "end",   "if",    "range",    "template", "with" };
    struct view name = parser->token.text;
    for (size_t i = 0; i < array_size(keywords); i++)
        if (view_is(name, keywords[i]))
            return unexpected(parser, "an expression", err);
    node->kind = NODE_FUNCTION;
    node->text = name;
    node->function = function_find(name);
    if (node->function)
        return 0;
    auto_done(str) known = {};
    functions_list(&known);
    (void)template_error(parser->template->source, node->at, err, "there is no function %.*s",
                         (int)name.len, name.at);
    return err_hint(err, "there are %s; a field begins with a dot", str_text(&known));
}

static int word_parse(struct parser *parser, struct node *node, struct err *err)
{
    const struct token *token = &parser->token;
    if (!view_is(token->text, "true") && !view_is(token->text, "false") &&
        !view_is(token->text, "nil"))
        return function_parse(parser, node, err);
    node->kind = view_is(token->text, "nil") ? NODE_NIL : NODE_CONSTANT;
    if (node->kind == NODE_CONSTANT)
        node->value = value_bool(token->text.at[0] == 't');
    return 0;
}

static int inner_pipe_parse(struct parser *parser, struct node *node, struct err *err)
{
    node->kind = NODE_PIPE;
    if (nest(parser, err) < 0 || next(parser, err) < 0 ||
        pipe_parse(parser, "parentheses", TOKEN_RIGHT, &node->pipe, err) < 0)
        return -1;
    parser->nesting--;
    return 0;
}

/* The operand at the token, which becomes what follows it. *ret_node is NULL if it is none. */
static int term_parse(struct parser *parser, struct node **ret_node, struct err *err)
{
    const struct token *token = &parser->token;
    struct node *node = node_new(parser, NODE_DOT, token->at);
    *ret_node = node;
    switch (token->kind) {
    case TOKEN_DOT:
        break;
    case TOKEN_FIELD:
        node->kind = NODE_FIELD;
        return 0; /* the field is taken with those behind it */
    case TOKEN_VARIABLE:
        node->kind = NODE_VARIABLE;
        node->text = token->text;
        if (variable_check(parser, node->text, node->at, err) < 0)
            return -1;
        break;
    case TOKEN_WORD:
        if (word_parse(parser, node, err) < 0)
            return -1;
        break;
    case TOKEN_NUMBER:
    case TOKEN_RUNE:
    case TOKEN_STRING:
    case TOKEN_RAW:
        node->kind = NODE_CONSTANT;
        if (token_value(parser->template->source, token, &parser->template->pool, &node->value,
                        err) < 0)
            return -1;
        break;
    case TOKEN_LEFT:
        return inner_pipe_parse(parser, node, err);
    case TOKEN_END:
    case TOKEN_TEXT:
    case TOKEN_OPEN:
    case TOKEN_CLOSE:
    case TOKEN_PIPE:
    case TOKEN_COMMA:
    case TOKEN_ASSIGN:
    case TOKEN_DECLARE:
    case TOKEN_RIGHT:
        *ret_node = NULL;
        return 0;
    }
    return next(parser, err);
}

/* Their array is full when their number is a power of two: the pool keeps what it outgrew. */
static int field_add(struct parser *parser, struct node *node, struct view name, struct err *err)
{
    size_t n = node->n_fields;
    if (n == TEMPLATE_FIELDS_MAX)
        return template_error(parser->template->source, parser->token.at, err,
                              "more than %d fields of fields", TEMPLATE_FIELDS_MAX);
    if ((n & (n - 1)) == 0) {
        struct view *fields = pool_array(&parser->template->pool, struct view, n > 0 ? n * 2 : 1);
        for (size_t i = 0; i < n; i++)
            fields[i] = node->fields[i];
        node->fields = fields;
    }
    node->fields[node->n_fields++] = name;
    return 0;
}

/* A term with the fields behind it: .A.B, $x.A, (pipe).A */
static int operand_parse(struct parser *parser, struct node **ret_node, struct err *err)
{
    struct node *node;
    if (term_parse(parser, &node, err) < 0)
        return -1;
    *ret_node = node;
    if (!node)
        return 0;
    bool first = node->kind == NODE_FIELD;
    while (parser->token.kind == TOKEN_FIELD && (first || !parser->token.spaced)) {
        if (node->kind == NODE_CONSTANT || node->kind == NODE_NIL || node->kind == NODE_DOT)
            return unexpected(parser, "an expression: it has no fields", err);
        if (node->kind != NODE_FIELD && node->kind != NODE_VARIABLE && node->kind != NODE_CHAIN) {
            struct node *chain = node_new(parser, NODE_CHAIN, node->at);
            chain->inner = node;
            *ret_node = node = chain;
        }
        struct view name = parser->token.text;
        first = false;
        if (field_add(parser, node, (struct view){ name.at + 1, name.len - 1 }, err) < 0 ||
            next(parser, err) < 0)
            return -1;
    }
    return 0;
}

/* Words up to a '|' or the end. */
static int call_parse(struct parser *parser, const char *where, enum token_kind end,
                      struct call *call, struct err *err)
{
    struct node **last = &call->words;
    while (parser->token.kind != end && parser->token.kind != TOKEN_PIPE) {
        struct node *node;
        if (call->n_words > 0 && !parser->token.spaced && parser->token.kind != TOKEN_RIGHT)
            return unexpected(parser, "an operand: a blank is missing", err);
        if (operand_parse(parser, &node, err) < 0)
            return -1;
        if (!node)
            return unexpected(parser, where, err);
        *last = node;
        last = &node->next;
        call->n_words++;
    }
    if (call->n_words == 0)
        return template_error(parser->template->source, parser->token.at, err,
                              "%s: a value is missing", where);
    return 0;
}

/* ---- pipelines ---- */

/* "$x :=", "$x =", "$i, $e :=" (of a range): taken if it is one, else the lexer stays where it was.
 */
static int declarations_parse(struct parser *parser, bool range, struct pipe *pipe, struct err *err)
{
    const struct lexer lexer = parser->lexer;
    const struct token token = parser->token;
    struct err ignored;
    size_t n = 0;
    while (n < 2 && parser->token.kind == TOKEN_VARIABLE) {
        pipe->variables[n++] = parser->token.text;
        if (next(parser, &ignored) < 0)
            break;
        if (parser->token.kind != TOKEN_COMMA || !range || n == 2)
            break;
        if (next(parser, err) < 0)
            return -1;
        if (parser->token.kind != TOKEN_VARIABLE)
            return unexpected(parser, "range: a variable is missing", err);
    }
    bool declares = parser->token.kind == TOKEN_DECLARE,
         assigns = parser->token.kind == TOKEN_ASSIGN;
    if (n > 0 && parser->token.kind == TOKEN_COMMA)
        return error_at(parser, parser->token.at, err, "too many variables");
    if (n == 0 || (!declares && !assigns)) {
        parser->lexer = lexer;
        parser->token = token;
        return 0;
    }
    pipe->n_variables = n;
    pipe->assigns = assigns;
    for (size_t i = 0; assigns && i < n; i++)
        if (variable_check(parser, pipe->variables[i], token.at, err) < 0)
            return -1;
    return next(parser, err);
}

static bool is_constant(const struct node *node)
{
    return node->kind == NODE_CONSTANT || node->kind == NODE_NIL || node->kind == NODE_DOT;
}

/* Only a function or a field can be given what comes through a pipe. */
static int pipe_check(const struct parser *parser, const struct pipe *pipe, struct err *err)
{
    for (const struct call *call = pipe->calls->next; call; call = call->next)
        if (is_constant(call->words))
            return error_at(parser, call->words->at, err,
                            "what stands behind a '|' must be a function");
    return 0;
}

static int pipe_parse_calls(struct parser *parser, const char *where, enum token_kind end,
                            struct pipe *pipe, struct err *err)
{
    struct call **last = &pipe->calls;
    for (;;) {
        struct call *call = pool_array(&parser->template->pool, struct call, 1);
        *last = call;
        last = &call->next;
        if (call_parse(parser, where, end, call, err) < 0)
            return -1;
        if (parser->token.kind == end)
            break;
        if (next(parser, err) < 0) /* the '|' */
            return -1;
    }
    if (pipe_check(parser, pipe, err) < 0)
        return -1;
    return next(parser, err);
}

/* Up to `end`, which is taken. Variables it declares are known from here on. */
static int pipe_parse(struct parser *parser, const char *where, enum token_kind end,
                      struct pipe **ret_pipe, struct err *err)
{
    struct pipe *pipe = pool_array(&parser->template->pool, struct pipe, 1);
    pipe->at = parser->token.at;
    *ret_pipe = pipe;
    if (declarations_parse(parser, strcmp(where, "range") == 0, pipe, err) < 0 ||
        pipe_parse_calls(parser, where, end, pipe, err) < 0)
        return -1;
    for (size_t i = 0; !pipe->assigns && i < pipe->n_variables; i++)
        if (variable_declare(parser, pipe->variables[i], err) < 0)
            return -1;
    return 0;
}

/* ---- actions ---- */

static int list_parse(struct parser *parser, const char *of, size_t opened, struct node **ret_list,
                      enum end_word *ret_end, struct err *err);

/* What follows the word else: "}}", or "if …}}" and "with …}}", which are an action in it that
 * ends with the outer one's end. */
static int control_parse(struct parser *parser, enum node_kind kind, const char *word, size_t at,
                         struct node **ret_node, struct err *err);

static int else_parse(struct parser *parser, struct node *node, const char *word, struct err *err)
{
    enum end_word end;
    bool chained =
        (node->kind == NODE_IF || node->kind == NODE_WITH) && token_is_word(&parser->token, word);
    if (chained) {
        size_t at = parser->token.at;
        if (next(parser, err) < 0)
            return -1;
        return control_parse(parser, node->kind, word, at, &node->otherwise, err);
    }
    if (close_expect(parser, "else", err) < 0 ||
        list_parse(parser, word, node->at, &node->otherwise, &end, err) < 0)
        return -1;
    if (end == END_ELSE)
        return unexpected(parser, "an action that has an else already", err);
    return close_expect(parser, "end", err);
}

static int control_body(struct parser *parser, struct node *node, const char *word, struct err *err)
{
    enum end_word end;
    size_t declared;
    parser->ranges += node->kind == NODE_RANGE;
    if (pipe_parse(parser, word, TOKEN_CLOSE, &node->pipe, err) < 0)
        return -1;
    declared = parser->n_variables;
    if (list_parse(parser, word, node->at, &node->body, &end, err) < 0)
        return -1;
    parser->n_variables = declared;
    parser->ranges -= node->kind == NODE_RANGE;
    if (end == END_ELSE)
        return else_parse(parser, node, word, err);
    return close_expect(parser, "end", err);
}

/* Behind the word; takes all up to the end and its "}}". */
static int control_parse(struct parser *parser, enum node_kind kind, const char *word, size_t at,
                         struct node **ret_node, struct err *err)
{
    size_t declared = parser->n_variables;
    *ret_node = node_new(parser, kind, at);
    if (nest(parser, err) < 0 || control_body(parser, *ret_node, word, err) < 0)
        return -1;
    parser->nesting--;
    parser->n_variables = declared;
    return 0;
}

static int name_parse(struct parser *parser, const char *where, struct view *ret_name,
                      struct err *err)
{
    struct value name;
    if (parser->token.kind != TOKEN_STRING && parser->token.kind != TOKEN_RAW) {
        (void)unexpected(parser, where, err);
        return err_hint(err, "a name in quotes stands there");
    }
    if (token_value(parser->template->source, &parser->token, &parser->template->pool, &name, err) <
        0)
        return -1;
    *ret_name = name.text;
    return next(parser, err);
}

static bool list_is_empty(const struct node *list)
{
    for (; list; list = list->next) {
        if (list->kind != NODE_TEXT)
            return false;
        for (size_t i = 0; i < list->text.len; i++)
            if (!strchr(" \t\r\n", list->text.at[i]))
                return false;
    }
    return true;
}

static int definition_add(struct parser *parser, struct view name, size_t at, struct node *body,
                          struct err *err)
{
    struct template *template = parser->template;
    for (struct definition *old = template->definitions; old; old = old->next) {
        if (old->name.len != name.len || memcmp(old->name.at, name.at, name.len) != 0)
            continue;
        if (!list_is_empty(old->body) && !list_is_empty(body))
            return template_error(template->source, at, err, "template %.*s is defined twice",
                                  (int)name.len, name.at);
        if (list_is_empty(old->body))
            old->body = body;
        return 0;
    }
    struct definition *definition = pool_array(&template->pool, struct definition, 1);
    *definition = (struct definition){ name, body, template->definitions };
    template->definitions = definition;
    return 0;
}

/* The body of a define or block, with variables of its own. */
static int definition_parse(struct parser *parser, const char *word, size_t at, struct view name,
                            struct err *err)
{
    struct view root = view_of("$");
    struct view *outer = pool_array(&parser->template->pool, struct view, parser->n_variables);
    size_t n_outer = parser->n_variables, ranges = parser->ranges;
    struct node *body;
    enum end_word end;
    for (size_t i = 0; i < n_outer; i++)
        outer[i] = parser->variables[i];
    parser->variables[0] = root;
    parser->n_variables = 1;
    parser->ranges = 0;
    if (list_parse(parser, word, at, &body, &end, err) < 0)
        return -1;
    if (end == END_ELSE)
        return unexpected(parser, word, err);
    for (size_t i = 0; i < n_outer; i++)
        parser->variables[i] = outer[i];
    parser->n_variables = n_outer;
    parser->ranges = ranges;
    if (close_expect(parser, "end", err) < 0)
        return -1;
    return definition_add(parser, name, at, body, err);
}

static int define_parse(struct parser *parser, size_t at, struct node **ret_node, struct err *err)
{
    struct view name;
    *ret_node = NULL;
    if (parser->nesting > 0)
        return error_at(parser, at, err, "a define stands in no other action");
    if (name_parse(parser, "define", &name, err) < 0 || close_expect(parser, "define", err) < 0 ||
        nest(parser, err) < 0 || definition_parse(parser, "define", at, name, err) < 0)
        return -1;
    parser->nesting--;
    return 0;
}

/* Behind the name: "}}", or a pipeline. */
static int call_template_parse(struct parser *parser, const char *word, struct node *node,
                               struct err *err)
{
    if (parser->token.kind == TOKEN_CLOSE)
        return next(parser, err);
    return pipe_parse(parser, word, TOKEN_CLOSE, &node->pipe, err);
}

static int template_action_parse(struct parser *parser, size_t at, struct node **ret_node,
                                 struct err *err)
{
    *ret_node = node_new(parser, NODE_TEMPLATE, at);
    if (name_parse(parser, "template", &(*ret_node)->text, err) < 0)
        return -1;
    return call_template_parse(parser, "template", *ret_node, err);
}

static int block_parse(struct parser *parser, size_t at, struct node **ret_node, struct err *err)
{
    struct node *node = node_new(parser, NODE_TEMPLATE, at);
    *ret_node = node;
    if (nest(parser, err) < 0 || name_parse(parser, "block", &node->text, err) < 0 ||
        pipe_parse(parser, "block", TOKEN_CLOSE, &node->pipe, err) < 0 ||
        definition_parse(parser, "block", at, node->text, err) < 0)
        return -1;
    parser->nesting--;
    return 0;
}

static int jump_parse(struct parser *parser, size_t at, struct node **ret_node, struct err *err)
{
    bool breaks = view_is(parser->token.text, "break");
    const char *word = breaks ? "break" : "continue";
    if (parser->ranges == 0)
        return template_error(parser->template->source, at, err, "%s stands outside of a range",
                              word);
    *ret_node = node_new(parser, breaks ? NODE_BREAK : NODE_CONTINUE, at);
    if (next(parser, err) < 0)
        return -1;
    return close_expect(parser, word, err);
}

/* One word that begins an action, and how it goes on. */
static int keyword_parse(struct parser *parser, size_t at, const char *word, struct node **ret_node,
                         struct err *err)
{
    static const struct {
        char word[8];
        enum node_kind kind;
    } controls[] = { { "if", NODE_IF }, { "with", NODE_WITH }, { "range", NODE_RANGE } };
    if (next(parser, err) < 0)
        return -1;
    for (size_t i = 0; i < array_size(controls); i++)
        if (strcmp(word, controls[i].word) == 0)
            return control_parse(parser, controls[i].kind, word, at, ret_node, err);
    if (strcmp(word, "define") == 0)
        return define_parse(parser, at, ret_node, err);
    if (strcmp(word, "block") == 0)
        return block_parse(parser, at, ret_node, err);
    return template_action_parse(parser, at, ret_node, err);
}

/* Behind "{{". *ret_node is NULL for a define. */
static int action_parse(struct parser *parser, size_t at, struct node **ret_node, struct err *err)
{
    static const char *const words[] = { "if", "with", "range", "define", "block", "template" };
    for (size_t i = 0; i < array_size(words); i++)
        if (token_is_word(&parser->token, words[i]))
            return keyword_parse(parser, at, words[i], ret_node, err);
    if (token_is_word(&parser->token, "break") || token_is_word(&parser->token, "continue"))
        return jump_parse(parser, at, ret_node, err);
    *ret_node = node_new(parser, NODE_ACTION, at);
    return pipe_parse(parser, "an action", TOKEN_CLOSE, &(*ret_node)->pipe, err);
}

/* Nodes up to an else or end, whose word is taken and whose "}}" is not; or, with of == NULL, up to
 * the end of the template. */
static int list_parse(struct parser *parser, const char *of, size_t opened, struct node **ret_list,
                      enum end_word *ret_end, struct err *err)
{
    struct node **last = ret_list;
    *last = NULL;
    while (parser->token.kind != TOKEN_END) {
        struct node *node = NULL;
        size_t at = parser->token.at;
        if (parser->token.kind == TOKEN_TEXT) {
            node = node_new(parser, NODE_TEXT, at);
            node->text = parser->token.text;
            if (next(parser, err) < 0)
                return -1;
        } else {
            if (next(parser, err) < 0) /* the "{{" */
                return -1;
            bool ends = token_is_word(&parser->token, "end");
            if (ends || token_is_word(&parser->token, "else")) {
                if (!of)
                    return unexpected(parser, "the template: nothing is open", err);
                *ret_end = ends ? END_END : END_ELSE;
                return next(parser, err);
            }
            if (action_parse(parser, at, &node, err) < 0)
                return -1;
        }
        if (!node)
            continue;
        *last = node;
        last = &node->next;
    }
    if (!of)
        return 0;
    (void)template_error(parser->template->source, opened, err, "unclosed %s", of);
    return err_hint(err, "close it with {{end}}");
}

int template_parse(const char *text, struct template **ret_template, struct err *err)
{
    size_t len = strlen(text);
    if (len > TEMPLATE_TEXT_MAX)
        return err_set(err, ERR_INVALID, "template: longer than %d bytes", TEMPLATE_TEXT_MAX);
    auto_drop(template) *template = xnew(struct template);
    template->source = pool_text(&template->pool, text, len);
    auto_free struct parser *parser = xnew(struct parser);
    parser->template = template;
    parser->lexer.source = template->source;
    parser->variables[0] = view_of("$");
    parser->n_variables = 1;
    enum end_word end;
    if (next(parser, err) < 0 || list_parse(parser, NULL, 0, &template->body, &end, err) < 0)
        return -1;
    *ret_template = take_ptr(template);
    return 0;
}

void template_free(struct template *template)
{
    if (!template)
        return;
    pool_done(&template->pool);
    free(template);
}
