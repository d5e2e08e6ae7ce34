/*
 * texttemplate.c
 *	  The text of an item from several columns.
 *
 * A template is text with columns in braces, and parts in brackets that are left out where no column in them
 * has a value: '{title}[ ({year})][. Genres: {genres}]'.  Brackets don't nest; a brace or bracket that is
 * meant is written twice.  It becomes an SQL expression, so that rows are read as ever; what comes from the
 * template goes into it as quoted literals and identifiers only.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/sql.h"
#include "pg/texttemplate.h"
#include "pg/trainargs.h"

typedef enum PieceKind
{
	PIECE_LITERAL,
	PIECE_COLUMN,
	PIECE_OPEN, /* of a part */
	PIECE_CLOSE
} PieceKind;

typedef struct Piece
{
	PieceKind kind;
	char *text; /* the literal, or the column's name */
} Piece;

/* --- reading -------------------------------------------------------------------------------------------- */

static List *
add_piece(List *pieces, PieceKind kind, char *text)
{
	Piece *piece = palloc(sizeof(Piece));

	piece->kind = kind;
	piece->text = text;
	return lappend(pieces, piece);
}

/* What has gathered in literal becomes a piece. */
static List *
add_literal(List *pieces, StringInfo literal)
{
	if (literal->len > 0)
		pieces = add_piece(pieces, PIECE_LITERAL, pstrdup(literal->data));
	resetStringInfo(literal);
	return pieces;
}

/* Behind "{name}", of which at is the brace; NULL where it doesn't end or has no name. */
static const char *
read_column(const char *at, List **pieces)
{
	const char *end = strchr(at, '}');

	if (end == NULL || end == at + 1)
		return NULL;
	*pieces = add_piece(*pieces, PIECE_COLUMN, pnstrdup(at + 1, end - at - 1));
	return end + 1;
}

/* A bracket opens a part outside of one, and closes it inside, a column in between. */
static bool
read_bracket(char bracket, bool *inside, int *columns, List **pieces)
{
	if ((bracket == '[') == *inside || (*inside && *columns == 0))
		return false;
	*pieces = add_piece(*pieces, *inside ? PIECE_CLOSE : PIECE_OPEN, NULL);
	*inside = !*inside;
	*columns = 0;
	return true;
}

/* The pieces of a template, NIL where it is none. */
static List *
read_template(const char *template)
{
	List *pieces = NIL;
	StringInfoData literal;
	const char *at = template;
	bool inside = false;
	bool any = false;
	int columns = 0; /* of the part */

	initStringInfo(&literal);
	while (*at != '\0')
	{
		if (strchr("{}[]", *at) == NULL || at[1] == *at)
		{
			at += at[1] == *at && strchr("{}[]", *at) != NULL;
			appendStringInfoChar(&literal, *at++);
			continue;
		}
		pieces = add_literal(pieces, &literal);
		if (*at == '{')
		{
			at = read_column(at, &pieces);
			if (at == NULL)
				return NIL;
			columns++;
			any = true;
		}
		else if (*at == '}' || !read_bracket(*at++, &inside, &columns, &pieces))
			return NIL;
	}
	return any && !inside ? add_literal(pieces, &literal) : NIL;
}

bool
uiml_text_template_valid(const char *template)
{
	return read_template(template) != NIL;
}

/* --- as SQL --------------------------------------------------------------------------------------------- */

char *
uiml_text_column_sql(Oid relation, const char *alias, const char *column)
{
	Oid type = get_atttype(relation, get_attnum(relation, column));
	const char *name = quote_identifier(column);

	if (OidIsValid(type) && OidIsValid(get_element_type(getBaseType(type))))
		return psprintf("pg_catalog.array_to_string((%s.%s)::pg_catalog.text[], ', ')", alias, name);
	return psprintf("(%s.%s)::pg_catalog.text", alias, name);
}

typedef struct TextSql
{
	Oid relation;
	const char *alias;
	const List *columns; /* that the domain names */
	const char *argument;
} TextSql;

static char *
column_sql(const TextSql *text, const char *column)
{
	ListCell *cell;

	foreach (cell, text->columns)
		if (strcmp(lfirst(cell), column) == 0)
			return uiml_text_column_sql(text->relation, text->alias, column);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of option \"text_template\" is not in %s", column, text->argument),
			 errhint("Name the columns in braces, such as {%s}, and all of them in %s.",
					 text->columns != NIL ? (char *) linitial(text->columns) : column, text->argument)));
}

/* The place of the bracket that closes the part. */
static int
part_end(const List *pieces, int open)
{
	while (((const Piece *) list_nth(pieces, open))->kind != PIECE_CLOSE)
		open++;
	return open;
}

/* Pieces first .. last - 1 one behind the other, '' where none of their columns has a value. */
static void
append_pieces(const TextSql *text, const List *pieces, int first, int last, StringInfo sql)
{
	const char *separator = "";

	appendStringInfoString(sql, "CASE WHEN pg_catalog.concat(");
	for (int i = first; i < last; i++)
	{
		const Piece *piece = list_nth(pieces, i);

		if (piece->kind != PIECE_COLUMN)
			continue;
		appendStringInfo(sql, "%s%s", separator, column_sql(text, piece->text));
		separator = ", ";
	}
	appendStringInfoString(sql, ") OPERATOR(pg_catalog.<>) '' THEN ");
	for (int i = first; i < last; i++)
	{
		const Piece *piece = list_nth(pieces, i);

		if (i > first)
			appendStringInfoString(sql, " OPERATOR(pg_catalog.||) ");
		if (piece->kind == PIECE_LITERAL)
			appendStringInfo(sql, "%s::pg_catalog.text", quote_literal_cstr(piece->text));
		else if (piece->kind == PIECE_COLUMN)
			appendStringInfo(sql, "COALESCE(%s, '')", column_sql(text, piece->text));
		else
		{
			int end = part_end(pieces, i);

			append_pieces(text, pieces, i + 1, end, sql);
			i = end;
		}
	}
	appendStringInfoString(sql, " ELSE '' END");
}

char *
uiml_text_sql(const UimlDomain *domain, bool from_items, const char *alias)
{
	TextSql text = {.relation = from_items ? domain->items : domain->events,
					.alias = alias,
					.columns = from_items ? domain->item_text : domain->text_cols,
					.argument = from_items ? "item_text" : "text_cols"};
	char *template = uiml_domain_option_text(domain, "text_template");
	List *pieces = template != NULL ? read_template(template) : NIL;
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	if (pieces != NIL)
	{
		append_pieces(&text, pieces, 0, list_length(pieces), &sql);
		return sql.data;
	}
	appendStringInfoString(&sql, "pg_catalog.concat_ws(' '");
	foreach (cell, text.columns)
		appendStringInfo(&sql, ", %s", uiml_text_column_sql(text.relation, alias, lfirst(cell)));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

void
uiml_text_template_check(const UimlDomain *domain)
{
	bool from_items = OidIsValid(domain->items);

	if ((from_items ? domain->item_text : domain->text_cols) != NIL)
		(void) uiml_text_sql(domain, from_items, "t");
}
