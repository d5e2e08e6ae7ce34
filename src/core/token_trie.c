/*
 * token_trie.c
 *	  Tokens by their bytes: all of them that a text begins with are found in one walk.
 *
 * Sorted tokens are a trie already: those below a node stand together, ordered by the byte that follows.
 * So their numbers are sorted, and nodes are numbered breadth first, each with the stretch of the sorted ones
 * that it stands for.
 */
#include "core/token_trie.h"

#define HEADER_BYTES 8
#define ROOT_BYTES   (256 * 4)

/* Steps between two questions after interruption: some milliseconds. */
#define CHECK_STEPS 16384

/* Order of bytes, a token before those that it begins. */
static bool
token_above(const UimlTokenText *a, const UimlTokenText *b)
{
	size_t common = a->length < b->length ? a->length : b->length;
	int order = common > 0 ? memcmp(a->text, b->text, common) : 0;

	return order != 0 ? order > 0 : a->length > b->length;
}

/* from[low .. middle) and from[middle .. high), each in order, to to[low .. high); stable. */
static UimlStatus
merge(const UimlEnv *env, const UimlTokenText *tokens, const uint32_t *from, uint32_t *to, size_t low,
	  size_t middle, size_t high)
{
	size_t left = low;
	size_t right = middle;

	for (size_t i = low; i < high; i++)
	{
		if (i % CHECK_STEPS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (right == high || (left < middle && !token_above(&tokens[from[left]], &tokens[from[right]])))
			to[i] = from[left++];
		else
			to[i] = from[right++];
	}
	return UIML_OK;
}

/* order receives the places of the tokens in their order; scratch has n numbers too. */
static UimlStatus
sort_tokens(const UimlEnv *env, const UimlTokenText *tokens, size_t n, uint32_t *order, uint32_t *scratch)
{
	uint32_t *from = order;
	uint32_t *to = scratch;

	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t) i;
	for (size_t width = 1; width < n; width *= 2)
	{
		uint32_t *swap = from;

		for (size_t low = 0; low < n; low += 2 * width)
		{
			size_t middle = low + width < n ? low + width : n;
			size_t high = low + 2 * width < n ? low + 2 * width : n;
			UimlStatus status = merge(env, tokens, from, to, low, middle, high);

			if (status != UIML_OK)
				return status;
		}
		from = to;
		to = swap;
	}
	if (from != order)
		memcpy(order, from, n * sizeof(uint32_t));
	return UIML_OK;
}

/* A node for each byte that a token doesn't share with the one before, and the root. */
static UimlStatus
count_nodes(const UimlTokenText *tokens, const uint32_t *order, size_t n, size_t *nodes)
{
	*nodes = 1;
	for (size_t i = 0; i < n; i++)
	{
		const UimlTokenText *token = &tokens[order[i]];
		size_t shared = 0;

		if (i > 0)
		{
			const UimlTokenText *before = &tokens[order[i - 1]];

			while (shared < before->length && shared < token->length &&
				   before->text[shared] == token->text[shared])
				shared++;
		}
		if (token->length - shared > (size_t) UINT32_MAX - 1 - *nodes)
			return UIML_ELIMIT;
		*nodes += token->length - shared;
	}
	return UIML_OK;
}

/* A trie that is being written, and for each node the stretch of order that it stands for. */
typedef struct Builder
{
	const UimlTokenText *tokens;
	const uint32_t *order;
	uint32_t *low;
	uint32_t *high;
	uint8_t *first;
	uint8_t *value;
	uint8_t *label;
	uint8_t *root;
	uint32_t count; /* of nodes that have a number */
} Builder;

static void
put(uint8_t *table, size_t at, uint32_t value)
{
	encoder_store32(table + 4 * at, value);
}

/* A node of depth bytes: the token that ends here, and numbers for its children. */
static void
build_node(Builder *b, uint32_t node, size_t depth)
{
	uint32_t i = b->low[node];
	uint32_t value = UIML_NO_TOKEN;

	for (; i < b->high[node] && b->tokens[b->order[i]].length == depth; i++)
		value = b->order[i];
	put(b->value, node, value);
	put(b->first, node, b->count);
	while (i < b->high[node])
	{
		uint8_t label = (uint8_t) b->tokens[b->order[i]].text[depth];
		uint32_t begin = i;

		while (i < b->high[node] && (uint8_t) b->tokens[b->order[i]].text[depth] == label)
			i++;
		b->label[b->count] = label;
		b->low[b->count] = begin;
		b->high[b->count] = i;
		if (node == 0)
			put(b->root, label, b->count);
		b->count++;
	}
}

static UimlStatus
build_nodes(const UimlEnv *env, Builder *b, size_t n)
{
	size_t depth = 0;
	uint32_t level_end = 1;

	b->count = 1;
	b->low[0] = 0;
	b->high[0] = (uint32_t) n;
	b->label[0] = 0;
	for (uint32_t node = 0; node < b->count; node++)
	{
		if (node % CHECK_STEPS == 0 && uiml_interrupted(env))
			return UIML_EINTERRUPTED;
		if (node == level_end)
		{
			depth++;
			level_end = b->count;
		}
		build_node(b, node, depth);
	}
	put(b->first, b->count, b->count);
	return UIML_OK;
}

static size_t
trie_bytes(size_t nodes)
{
	return (HEADER_BYTES + ROOT_BYTES + 4 * (nodes + 1) + 4 * nodes + nodes + 7) / 8 * 8;
}

/* Where the parts are, in bytes that are written or read. */
static size_t
first_at(void)
{
	return HEADER_BYTES + ROOT_BYTES;
}

static size_t
value_at(size_t nodes)
{
	return first_at() + 4 * (nodes + 1);
}

static size_t
label_at(size_t nodes)
{
	return value_at(nodes) + 4 * nodes;
}

static uint32_t
longest_token(const UimlTokenText *tokens, size_t n)
{
	size_t longest = 0;

	for (size_t i = 0; i < n; i++)
		longest = tokens[i].length > longest ? tokens[i].length : longest;
	return (uint32_t) longest;
}

/* The bytes of a trie of nodes nodes for sorted tokens. */
static UimlStatus
write_trie(const UimlEnv *env, const UimlTokenText *tokens, const uint32_t *order, size_t n, size_t nodes,
		   void **bytes, size_t *length)
{
	size_t size = trie_bytes(nodes);
	uint8_t *trie = uiml_alloc0(env, 1, size);
	uint32_t *stretch = uiml_alloc(env, nodes, 2 * sizeof(uint32_t));
	UimlStatus status = UIML_ENOMEM;

	if (trie != NULL && stretch != NULL)
	{
		Builder b = {.tokens = tokens,
					 .order = order,
					 .low = stretch,
					 .high = stretch + nodes,
					 .root = trie + HEADER_BYTES,
					 .first = trie + first_at(),
					 .value = trie + value_at(nodes),
					 .label = trie + label_at(nodes)};

		put(trie, 0, (uint32_t) nodes);
		put(trie, 1, longest_token(tokens, n));
		status = build_nodes(env, &b, n);
	}
	uiml_free(env, stretch);
	if (status != UIML_OK)
	{
		uiml_free(env, trie);
		return status;
	}
	*bytes = trie;
	*length = size;
	return UIML_OK;
}

UimlStatus
uiml_token_trie_build(const UimlEnv *env, const UimlTokenText *tokens, size_t n, void **bytes, size_t *length)
{
	uint32_t *order;
	uint32_t *scratch;
	size_t nodes = 0;
	UimlStatus status = UIML_ENOMEM;

	if (n >= UIML_NO_TOKEN)
		return UIML_ELIMIT;
	order = uiml_alloc(env, n, sizeof(uint32_t));
	scratch = uiml_alloc(env, n, sizeof(uint32_t));
	if (order != NULL && scratch != NULL)
		status = sort_tokens(env, tokens, n, order, scratch);
	uiml_free(env, scratch);
	if (status == UIML_OK)
		status = count_nodes(tokens, order, n, &nodes);
	if (status == UIML_OK)
		status = write_trie(env, tokens, order, n, nodes, bytes, length);
	uiml_free(env, order);
	return status;
}

bool
uiml_token_trie_open(const void *bytes, size_t length, UimlTokenTrie *trie)
{
	const unsigned char *at = bytes;
	size_t nodes;

	if (length < trie_bytes(1))
		return false;
	nodes = encoder_load32(at);
	if (nodes < 1 || nodes > length / 9 || trie_bytes(nodes) > length)
		return false;
	trie->nodes = (uint32_t) nodes;
	trie->longest = encoder_load32(at + 4);
	trie->root = at + HEADER_BYTES;
	trie->first = at + first_at();
	trie->value = at + value_at(nodes);
	trie->label = at + label_at(nodes);
	return true;
}

/* Children come after their parent and after those of the nodes before; values are tokens. */
static bool
nodes_sound(const UimlTokenTrie *trie, size_t n_tokens)
{
	uint32_t before = 1;

	for (size_t node = 0; node < trie->nodes; node++)
	{
		uint32_t first = encoder_load32(trie->first + 4 * node);
		uint32_t value = encoder_load32(trie->value + 4 * node);

		if (first < before || first <= node || first > trie->nodes)
			return false;
		if (value != UIML_NO_TOKEN && value >= n_tokens)
			return false;
		before = first;
	}
	return encoder_load32(trie->first) == 1 &&
		   encoder_load32(trie->first + 4 * (size_t) trie->nodes) == trie->nodes;
}

bool
uiml_token_trie_sound(const UimlTokenTrie *trie, size_t n_tokens)
{
	if (!nodes_sound(trie, n_tokens))
		return false;
	for (int byte = 0; byte < 256; byte++)
	{
		uint32_t child = encoder_load32(trie->root + 4 * (size_t) byte);

		if (child != uiml_token_trie_child(trie, 0, (unsigned char) byte))
			return false;
	}
	return true;
}

uint32_t
uiml_token_trie_find(const UimlTokenTrie *trie, const char *text, size_t length)
{
	uint32_t node = 0;

	for (size_t i = 0; i < length; i++)
	{
		node = uiml_token_trie_child(trie, node, (unsigned char) text[i]);
		if (node == 0)
			return UIML_NO_TOKEN;
	}
	return uiml_token_trie_value(trie, node);
}
