/*
 * token_trie.h
 *	  Tokens by their bytes: all of them that a text begins with are found in one walk.
 *
 * A trie over bytes, laid out breadth first, so that the children of a node stand together in the order of
 * their bytes and those of the next node follow.  It is one flat run of bytes, little-endian, at any address:
 *
 *		nodes, longest token		2 x uint32
 *		root						256 x uint32: the child of the root for each byte, 0 for none
 *		first						(nodes + 1) x uint32: the first child; the next node's is the end
 *		value						nodes x uint32: the token that ends here, or UIML_NO_TOKEN
 *		label						nodes x uint8: the byte that leads here
 *
 * with zeros up to a multiple of eight.  A table of 250,000 tokens has some 700,000 nodes of nine bytes.
 */
#ifndef UIML_TOKEN_TRIE_H
#define UIML_TOKEN_TRIE_H

#include "core/encoder_format.h"

#define UIML_NO_TOKEN UINT32_MAX

/* A token; the bytes are its owner's. */
typedef struct UimlTokenText
{
	const char *text;
	size_t length;
} UimlTokenText;

/* An opened trie: points into its bytes. */
typedef struct UimlTokenTrie
{
	const unsigned char *root;
	const unsigned char *first;
	const unsigned char *value;
	const unsigned char *label;
	uint32_t nodes;
	uint32_t longest; /* length of the longest token in bytes */
} UimlTokenTrie;

/*
 * uiml_token_trie_build
 *		The trie of n tokens as *length bytes from env; a token's value is its place, of equal ones the last.
 *
 * UIML_OK; UIML_ELIMIT for more than 2^32 - 2 bytes of tokens; UIML_ENOMEM; UIML_EINTERRUPTED.
 * O(n log n) comparisons, eight bytes of scratch a node.
 */
extern UimlStatus uiml_token_trie_build(const UimlEnv *env, const UimlTokenText *tokens, size_t n,
										void **bytes, size_t *length);

/*
 * Opens bytes of unknown origin, in O(1): false, or a trie in which no walk of at most longest steps reads
 * outside, though it may find what isn't there.  uiml_token_trie_sound looks at every node: that the trie is
 * one, and its values are below n_tokens.
 */
extern bool uiml_token_trie_open(const void *bytes, size_t length, UimlTokenTrie *trie);
extern bool uiml_token_trie_sound(const UimlTokenTrie *trie, size_t n_tokens);

/* The node that a byte leads to from another one, 0 for none: no byte leads to the root, which is node 0. */
static inline uint32_t
uiml_token_trie_child(const UimlTokenTrie *trie, uint32_t node, unsigned char byte)
{
	uint32_t low = encoder_load32(trie->first + 4 * (size_t) node);
	uint32_t high = encoder_load32(trie->first + 4 * (size_t) node + 4);

	if (high > trie->nodes)
		return 0;
	while (low < high && high - low > 8)
	{
		uint32_t middle = low + (high - low) / 2;

		if (trie->label[middle] > byte)
			high = middle;
		else
			low = middle;
	}
	for (; low < high; low++)
	{
		if (trie->label[low] == byte)
			return low;
	}
	return 0;
}

/* The same from the root, which has up to 256 children. */
static inline uint32_t
uiml_token_trie_begin(const UimlTokenTrie *trie, unsigned char byte)
{
	uint32_t child = encoder_load32(trie->root + 4 * (size_t) byte);

	return child < trie->nodes ? child : 0;
}

/* The token that ends at a node, or UIML_NO_TOKEN. */
static inline uint32_t
uiml_token_trie_value(const UimlTokenTrie *trie, uint32_t node)
{
	return encoder_load32(trie->value + 4 * (size_t) node);
}

/* The token with these bytes, or UIML_NO_TOKEN. */
extern uint32_t uiml_token_trie_find(const UimlTokenTrie *trie, const char *text, size_t length);

#endif /* UIML_TOKEN_TRIE_H */
