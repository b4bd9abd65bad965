/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes → output. Variables lie on a stack, from which an action takes its own when it ends. Each
 * node evaluated counts, so does the text that functions look at and make: a template of the
 * user's ends, whatever it says.
 */
#include <string.h>

#include "base/template_part.h"

enum { VARIABLES_MAX = 250 };

/* How a list of nodes ended. */
enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

struct variable {
    struct view name;
    struct value value;
};

struct run {
    const struct template *template;
    enum template_flags flags;
    struct pool *pool;
    size_t pool_begin;
    struct str *out;
    size_t steps;
    size_t calls; /* of {{template}} in each other */
    size_t n_variables;
    struct variable variables[VARIABLES_MAX];
};

static int list_run(struct run *run, const struct node *list, const struct value *dot,
                    struct err *err);
static int pipe_run(struct run *run, const struct pipe *pipe, const struct value *dot,
                    struct value *ret_value, struct err *err);

#define run_error(run, at, err, ...)                                                               \
    template_error((run)->template->source, (at), (err), __VA_ARGS__)

static int step(struct run *run, size_t at, struct err *err)
{
    if (run->steps++ > TEMPLATE_STEPS_MAX)
        return run_error(run, at, err, "it takes more than %d steps", TEMPLATE_STEPS_MAX);
    if (run->pool->used - run->pool_begin > TEMPLATE_MEMORY_MAX)
        return run_error(run, at, err, "it takes more than %d MiB", TEMPLATE_MEMORY_MAX >> 20);
    if (run->out->over || run->out->len > TEMPLATE_OUTPUT_MAX)
        return run_error(run, at, err, "it prints more than %d MiB", TEMPLATE_OUTPUT_MAX >> 20);
    return 0;
}

/* An error of a function or a member: says where. */
static int located(struct run *run, size_t at, const char *name, struct err *err)
{
    const struct err inner = *err;
    (void)run_error(run, at, err, "%s: %s", name, inner.text);
    err->kind = inner.kind == ERR_NONE ? ERR_INVALID : inner.kind;
    return -1;
}

/* ---- variables ---- */

static int variable_push(struct run *run, size_t at, struct view name, const struct value *value,
                         struct err *err)
{
    if (run->n_variables == VARIABLES_MAX)
        return run_error(run, at, err, "too many variables");
    run->variables[run->n_variables++] = (struct variable){ name, *value };
    return 0;
}

/* The innermost of that name; the parser saw that there is one. */
static struct variable *variable_find(struct run *run, struct view name)
{
    for (size_t i = run->n_variables; i-- > 0;) {
        struct variable *variable = &run->variables[i];
        if (variable->name.len == name.len && memcmp(variable->name.at, name.at, name.len) == 0)
            return variable;
    }
    return &run->variables[0];
}

/* ---- fields ---- */

static void names_of_members(const struct value *value, struct str *out)
{
    for (size_t i = 0; i < value->map.len; i++)
        str_addf(out, "%s%.*s", i > 0 ? ", " : "", (int)value->map.at[i].name.len,
                 value->map.at[i].name.at);
}

static void names_of_row(const struct value *value, struct str *out)
{
    const char *name;
    for (size_t i = 0; (name = value->row.class->name(value->row.of, i)); i++)
        str_addf(out, "%s%s", i > 0 ? ", " : "", name);
}

static int no_field(struct run *run, const struct value *of, size_t at, struct view name,
                    struct err *err)
{
    auto_done(str) type = {}, names = { .max_bytes = 600 };
    value_type(of, &type);
    if (of->kind == VALUE_STRUCT)
        names_of_members(of, &names);
    if (of->kind == VALUE_ROW)
        names_of_row(of, &names);
    (void)run_error(run, at, err, "can't evaluate field %.*s%s%s", (int)name.len, name.at,
                    names.len > 0 ? "" : " of type ", names.len > 0 ? "" : str_text(&type));
    return names.len > 0 ? err_hint(err, "there are %s", str_text(&names)) : -1;
}

static int no_arguments(struct run *run, size_t at, struct view name, struct err *err)
{
    return run_error(run, at, err, "%.*s is not a function and takes no arguments", (int)name.len,
                     name.at);
}

/* A member of a row; some want one text. */
static int row_field(struct run *run, const struct value *of, size_t at, struct view name,
                     const struct value *args, size_t n, struct value *ret_value, struct err *err)
{
    const struct value_class *class = of->row.class;
    const char *known;
    size_t i = 0;
    while ((known = class->name(of->row.of, i)) && !view_is(name, known))
        i++;
    if (!known)
        return no_field(run, of, at, name, err);
    bool wants = class->wants_argument(of->row.of, i);
    if (!wants && n > 0)
        return no_arguments(run, at, name, err);
    if (wants && (n != 1 || args[0].kind != VALUE_TEXT))
        return run_error(run, at, err, "%s wants one text behind it: {{.%s \"name\"}}", known,
                         known);
    struct view argument =
        wants ? pool_text(run->pool, args[0].text.at, args[0].text.len) : (struct view){};
    if (class->get(of->row.of, i, argument.at, run->pool, ret_value, err) < 0)
        return located(run, at, known, err);
    return 0;
}

static int field_run(struct run *run, const struct value *of, size_t at, struct view name,
                     const struct value *args, size_t n, struct value *ret_value, struct err *err)
{
    if (step(run, at, err) < 0)
        return -1;
    if (of->kind == VALUE_ROW)
        return row_field(run, of, at, name, args, n, ret_value, err);
    if (n > 0)
        return no_arguments(run, at, name, err);
    if (of->kind == VALUE_NIL) {
        *ret_value = *of;
        return 0;
    }
    if (of->kind != VALUE_MAP && of->kind != VALUE_STRUCT)
        return no_field(run, of, at, name, err);
    const struct value_member *member = value_member(of, name);
    if (!member && of->kind == VALUE_STRUCT)
        return no_field(run, of, at, name, err);
    *ret_value = member ? member->value : (struct value){};
    return 0;
}

/* All fields of a node, the last one with the arguments. */
static int fields_run(struct run *run, const struct node *node, const struct value *of,
                      const struct value *args, size_t n, struct value *ret_value, struct err *err)
{
    struct value at = *of;
    if (node->n_fields == 0 && n > 0)
        return no_arguments(run, node->at, node->text, err);
    for (size_t i = 0; i < node->n_fields; i++) {
        struct value next;
        bool last = i + 1 == node->n_fields;
        if (field_run(run, &at, node->at, node->fields[i], last ? args : NULL, last ? n : 0, &next,
                      err) < 0)
            return -1;
        at = next;
    }
    *ret_value = at;
    return 0;
}

/* ---- functions ---- */

static bool argument_fits(char wanted, struct value *argument)
{
    if (wanted == 's')
        return argument->kind == VALUE_TEXT;
    if (wanted != 'i')
        return true;
    if (argument->kind == VALUE_FLOAT && argument->real > -1e15 && argument->real < 1e15 &&
        (double)(int64_t)argument->real == argument->real)
        *argument = value_int((int64_t)argument->real);
    return argument->kind == VALUE_INT;
}

static int arguments_check(struct run *run, const struct node *node, struct value *args, size_t n,
                           struct err *err)
{
    const struct function *function = node->function;
    size_t least = strcspn(function->takes, "*");
    bool more = function->takes[least] == '*';
    least -= more;
    if (n < least || (n > least && !more))
        return run_error(run, node->at, err, "%s takes %s%zu argument%s, not %zu", function->name,
                         more ? "at least " : "", least, least == 1 ? "" : "s", n);
    for (size_t i = 0; i < n; i++) {
        char wanted = function->takes[i < least ? i : least];
        if (argument_fits(wanted, &args[i]))
            continue;
        auto_done(str) type = {};
        value_type(&args[i], &type);
        return run_error(run, node->at, err, "%s: argument %zu must be a %s, not %s",
                         function->name, i + 1, wanted == 's' ? "string" : "whole number",
                         str_text(&type));
    }
    return 0;
}

static int function_run(struct run *run, const struct node *node, struct value *args, size_t n,
                        struct value *ret_value, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct value made;
        if (value_made(&args[i], run->pool, &made, err) < 0)
            return located(run, node->at, node->function->name, err);
        args[i] = made;
    }
    if (arguments_check(run, node, args, n, err) < 0)
        return -1;
    const struct calling calling = {
        .pool = run->pool, .flags = run->flags, .args = args, .n = n, .steps = &run->steps
    };
    if (node->function->call(&calling, ret_value, err) < 0)
        return located(run, node->at, node->function->name, err);
    return 0;
}

/* ---- operands and calls ---- */

static int operand_run(struct run *run, const struct node *node, const struct value *dot,
                       struct value *args, size_t n, struct value *ret_value, struct err *err);

/* `and` and `or`: the first that settles it, or the last. What stands behind is not evaluated. */
static int short_run(struct run *run, const struct call *call, const struct value *dot,
                     const struct value *piped, struct value *ret_value, struct err *err)
{
    bool until = view_is(call->words->text, "or");
    const struct node *word = call->words->next;
    if (!word && !piped)
        return run_error(run, call->words->at, err, "%s takes at least 1 argument, not 0",
                         call->words->function->name);
    for (; word; word = word->next) {
        if (operand_run(run, word, dot, NULL, 0, ret_value, err) < 0)
            return -1;
        if (value_truth(ret_value) == until)
            return 0;
    }
    if (piped)
        *ret_value = *piped;
    return 0;
}

/* One word with the arguments behind it. */
static int operand_run(struct run *run, const struct node *node, const struct value *dot,
                       struct value *args, size_t n, struct value *ret_value, struct err *err)
{
    struct value inner;
    if (step(run, node->at, err) < 0)
        return -1;
    switch (node->kind) {
    case NODE_DOT:
        *ret_value = *dot;
        break;
    case NODE_NIL:
        *ret_value = (struct value){};
        break;
    case NODE_CONSTANT:
        *ret_value = node->value;
        break;
    case NODE_FIELD:
        return fields_run(run, node, dot, args, n, ret_value, err);
    case NODE_VARIABLE:
        inner = variable_find(run, node->text)->value;
        return fields_run(run, node, &inner, args, n, ret_value, err);
    case NODE_CHAIN:
        if (operand_run(run, node->inner, dot, NULL, 0, &inner, err) < 0)
            return -1;
        return fields_run(run, node, &inner, args, n, ret_value, err);
    case NODE_PIPE:
        if (pipe_run(run, node->pipe, dot, ret_value, err) < 0)
            return -1;
        break;
    case NODE_FUNCTION:
        if (!node->function->call)
            return run_error(run, node->at, err, "%s takes at least 1 argument, not 0",
                             node->function->name);
        return function_run(run, node, args, n, ret_value, err);
    case NODE_TEXT:
    case NODE_ACTION:
    case NODE_IF:
    case NODE_WITH:
    case NODE_RANGE:
    case NODE_TEMPLATE:
    case NODE_BREAK:
    case NODE_CONTINUE:
        break;
    }
    if (n > 0)
        return run_error(run, node->at, err, "only a function or a field takes arguments");
    return 0;
}

/* piped: what the call before it gave, its last argument; or NULL. */
static int call_run(struct run *run, const struct call *call, const struct value *dot,
                    const struct value *piped, struct value *ret_value, struct err *err)
{
    const struct node *first = call->words;
    if (first->kind == NODE_FUNCTION && !first->function->call)
        return short_run(run, call, dot, piped, ret_value, err);
    if (first->kind == NODE_NIL)
        return run_error(run, first->at, err, "nil is not a value to print");
    size_t n = call->n_words - 1 + (piped != NULL), i = 0;
    auto_free struct value *args = xcalloc(n + 1, sizeof(*args));
    for (const struct node *word = first->next; word; word = word->next)
        if (operand_run(run, word, dot, NULL, 0, &args[i++], err) < 0)
            return -1;
    if (piped)
        args[i] = *piped;
    return operand_run(run, first, dot, args, n, ret_value, err);
}

/* Its value, without what it declares. */
static int calls_run(struct run *run, const struct pipe *pipe, const struct value *dot,
                     struct value *ret_value, struct err *err)
{
    struct value value = {};
    for (const struct call *call = pipe->calls; call; call = call->next) {
        struct value piped = value;
        if (step(run, pipe->at, err) < 0 ||
            call_run(run, call, dot, call == pipe->calls ? NULL : &piped, &value, err) < 0)
            return -1;
    }
    *ret_value = value;
    return 0;
}

static int pipe_run(struct run *run, const struct pipe *pipe, const struct value *dot,
                    struct value *ret_value, struct err *err)
{
    if (calls_run(run, pipe, dot, ret_value, err) < 0)
        return -1;
    for (size_t i = 0; i < pipe->n_variables; i++) {
        if (pipe->assigns)
            variable_find(run, pipe->variables[i])->value = *ret_value;
        else if (variable_push(run, pipe->at, pipe->variables[i], ret_value, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- printing ---- */

/* Controls but \n and \t, and what turns the direction of writing, as \xNN. */
static void add_for_terminal(struct str *out, const char *at, size_t len)
{
    while (len > 0) {
        size_t plain = 0;
        while (plain < len && at[plain] != '\n' && at[plain] != '\t' && at[plain] != '\\')
            plain++;
        text_escape(out, at, plain);
        if (plain < len)
            str_add_char(out, at[plain++]);
        at += plain;
        len -= plain;
    }
}

static int value_add(struct run *run, size_t at, const struct value *value, struct err *err)
{
    struct value made;
    auto_done(str) text = { .max_bytes = TEMPLATE_OUTPUT_MAX };
    if (value_made(value, run->pool, &made, err) < 0)
        return located(run, at, "print", err);
    if (made.kind == VALUE_NIL)
        str_add(&text, "<no value>");
    else
        value_print(&made, &text);
    if (text.over)
        return run_error(run, at, err, "it prints more than %d MiB", TEMPLATE_OUTPUT_MAX >> 20);
    run->steps += text.len / 64;
    if (run->flags & TEMPLATE_ESCAPE)
        add_for_terminal(run->out, str_text(&text), text.len);
    else
        str_add_bytes(run->out, str_text(&text), text.len);
    return 0;
}

/* ---- actions ---- */

static int choice_run(struct run *run, const struct node *node, const struct value *dot,
                      struct err *err)
{
    struct value value;
    if (pipe_run(run, node->pipe, dot, &value, err) < 0)
        return -1;
    if (!value_truth(&value))
        return list_run(run, node->otherwise, dot, err);
    return list_run(run, node->body, node->kind == NODE_WITH ? &value : dot, err);
}

/* Once round. Gives FLOW_ON to go on, or FLOW_BREAK. */
static int round_run(struct run *run, const struct node *node, const struct value *key,
                     const struct value *item, struct err *err)
{
    const struct pipe *pipe = node->pipe;
    size_t n = run->n_variables;
    const struct value *values[] = { pipe->n_variables == 2 ? key : item, item };
    if (step(run, node->at, err) < 0)
        return -1;
    for (size_t i = 0; i < pipe->n_variables && i < array_size(values); i++) {
        if (pipe->assigns)
            variable_find(run, pipe->variables[i])->value = *values[i];
        else if (variable_push(run, node->at, pipe->variables[i], values[i], err) < 0)
            return -1;
    }
    int flow = list_run(run, node->body, item, err);
    run->n_variables = n;
    return flow == FLOW_CONTINUE ? FLOW_ON : flow;
}

static int range_list(struct run *run, const struct node *node, const struct value *list,
                      struct err *err)
{
    int flow = FLOW_ON;
    for (size_t i = 0; i < list->list.len && flow == FLOW_ON; i++) {
        const struct value key = value_int((int64_t)i);
        flow = round_run(run, node, &key, &list->list.at[i], err);
    }
    return flow < 0 ? -1 : FLOW_ON;
}

static int range_map(struct run *run, const struct node *node, const struct value *map,
                     struct err *err)
{
    int flow = FLOW_ON;
    for (size_t i = 0; i < map->map.len && flow == FLOW_ON; i++) {
        const struct value key = value_text(map->map.at[i].name);
        flow = round_run(run, node, &key, &map->map.at[i].value, err);
    }
    return flow < 0 ? -1 : FLOW_ON;
}

static int range_count(struct run *run, const struct node *node, int64_t count, struct err *err)
{
    int flow = FLOW_ON;
    if (node->pipe->n_variables > 1)
        return run_error(run, node->at, err, "range over a number takes one variable");
    for (int64_t i = 0; i < count && flow == FLOW_ON; i++) {
        const struct value key = value_int(i);
        flow = round_run(run, node, &key, &key, err);
    }
    return flow < 0 ? -1 : FLOW_ON;
}

static int range_run(struct run *run, const struct node *node, const struct value *dot,
                     struct err *err)
{
    struct value over;
    if (calls_run(run, node->pipe, dot, &over, err) < 0)
        return -1;
    if (over.kind == VALUE_NIL || !value_truth(&over))
        if (over.kind != VALUE_BOOL && over.kind != VALUE_FLOAT && over.kind != VALUE_TEXT)
            return list_run(run, node->otherwise, dot, err);
    if (over.kind == VALUE_LIST)
        return range_list(run, node, &over, err);
    if (over.kind == VALUE_MAP)
        return range_map(run, node, &over, err);
    if (over.kind == VALUE_INT && over.whole > 0)
        return range_count(run, node, over.whole, err);
    if (over.kind == VALUE_INT)
        return list_run(run, node->otherwise, dot, err);
    auto_done(str) type = {};
    value_type(&over, &type);
    return run_error(run, node->at, err, "range cannot go over a %s", str_text(&type));
}

/* With variables of its own: only $, which is what it is given. */
static int definition_run(struct run *run, const struct definition *definition,
                          const struct value *dot, struct err *err)
{
    struct view root = view_of("$");
    size_t n = run->n_variables;
    if (variable_push(run, 0, root, dot, err) < 0)
        return -1;
    run->calls++;
    int flow = list_run(run, definition->body, dot, err);
    run->calls--;
    run->n_variables = n;
    return flow;
}

static int template_run(struct run *run, const struct node *node, const struct value *dot,
                        struct err *err)
{
    const struct definition *at = run->template->definitions;
    struct value value = {};
    size_t n = run->n_variables;
    while (at && (at->name.len != node->text.len ||
                  memcmp(at->name.at, node->text.at, at->name.len) != 0)) {
        at = at->next;
        run->steps++;
    }
    if (!at)
        return run_error(run, node->at, err, "there is no template %.*s", (int)node->text.len,
                         node->text.at);
    if (run->calls == TEMPLATE_CALLS_MAX)
        return run_error(run, node->at, err, "templates call each other deeper than %d times",
                         TEMPLATE_CALLS_MAX);
    if (node->pipe && pipe_run(run, node->pipe, dot, &value, err) < 0)
        return -1;
    int flow = definition_run(run, at, &value, err);
    run->n_variables = n;
    return flow;
}

static int action_run(struct run *run, const struct node *node, const struct value *dot,
                      struct err *err)
{
    struct value value;
    if (pipe_run(run, node->pipe, dot, &value, err) < 0)
        return -1;
    return node->pipe->n_variables > 0 ? FLOW_ON : value_add(run, node->at, &value, err);
}

/* Control actions keep what they declare to themselves. */
static int node_run(struct run *run, const struct node *node, const struct value *dot,
                    struct err *err)
{
    size_t n = run->n_variables;
    int flow = FLOW_ON;
    if (step(run, node->at, err) < 0)
        return -1;
    switch (node->kind) {
    case NODE_TEXT:
        str_add_bytes(run->out, node->text.at, node->text.len);
        return FLOW_ON;
    case NODE_ACTION:
        return action_run(run, node, dot, err);
    case NODE_BREAK:
        return FLOW_BREAK;
    case NODE_CONTINUE:
        return FLOW_CONTINUE;
    case NODE_TEMPLATE:
        return template_run(run, node, dot, err);
    case NODE_IF:
    case NODE_WITH:
        flow = choice_run(run, node, dot, err);
        break;
    case NODE_RANGE:
        flow = range_run(run, node, dot, err);
        break;
    case NODE_DOT:
    case NODE_NIL:
    case NODE_CONSTANT:
    case NODE_FIELD:
    case NODE_VARIABLE:
    case NODE_CHAIN:
    case NODE_FUNCTION:
    case NODE_PIPE:
        break;
    }
    run->n_variables = n;
    return flow;
}

static int list_run(struct run *run, const struct node *list, const struct value *dot,
                    struct err *err)
{
    int flow = FLOW_ON;
    for (; list && flow == FLOW_ON; list = list->next)
        flow = node_run(run, list, dot, err);
    return flow;
}

int template_execute(const struct template *template, const struct value *dot,
                     enum template_flags flags, struct pool *pool, struct str *out, struct err *err)
{
    auto_free struct run *run = xnew(struct run);
    run->template = template;
    run->flags = flags;
    run->pool = pool;
    run->pool_begin = pool->used;
    run->out = out;
    if (variable_push(run, 0, view_of("$"), dot, err) < 0 ||
        list_run(run, template->body, dot, err) < 0)
        return -1;
    return step(run, 0, err) < 0 ? -1 : 0;
}
