/*
 * test_terms.c
 *	  Splitting of texts in several scripts, class-based TF-IDF against known answers, and labels.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/terms.h"
#include "core/tfidf.h"
#include "testenv.h"

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) < (tolerance))
#define LARGE                        ((size_t) 1 << 26)

/* ---------- splitting ---------- */

typedef struct Joined
{
	char text[4096];
	size_t length;
	int left; /* terms until visit says stop */
} Joined;

static UimlStatus
join_term(void *ctx, const char *term, size_t length)
{
	Joined *joined = ctx;

	if (joined->left-- == 0)
		return UIML_EINTERRUPTED;
	assert_true(length >= 1 && length <= 64);
	assert_true(joined->length + length + 2 < sizeof(joined->text));
	if (joined->length > 0)
		joined->text[joined->length++] = '|';
	memcpy(joined->text + joined->length, term, length);
	joined->length += length;
	joined->text[joined->length] = '\0';
	return UIML_OK;
}

/* That the terms of a text are those given, joined by bars. */
static void
check_bytes(const char *text, size_t length, const char *expected)
{
	UimlEnv env = uiml_env_malloc();
	Joined joined = {.left = 1000};

	assert_int_equal(uiml_terms_each(&env, text, length, join_term, &joined), UIML_OK);
	assert_string_equal(joined.text, expected);
}

static void
check(const char *text, const char *expected)
{
	check_bytes(text, strlen(text), expected);
}

static void
latin_words(void **state)
{
	(void) state;
	check("", "");
	check("Toy Story (1995)", "toy|story");
	check("Adventure|Animation|Children", "adventure|animation|children");
	check("The Lord of the Rings: The Two Towers", "lord|rings|two|towers");
	check("Sci-Fi -- spider-man, rock-'n'-roll x-", "sci-fi|spider-man|rock|roll");
	check("Ocean's Eleven; l'avventura; it's don't", "ocean|eleven|l'avventura");
	check("Ocean\xE2\x80\x99s twelve", "ocean|twelve");
	check("5G 3d 2001 4 a b2b U", "5g|3d|b2b");
	check("snake_case a,b;c", "snake|case");
	check("CRÈME Brûlée", "crème|brûlée");
	check("Straße STRASSE", "strasse|strasse");
	check("ΣΊΣΥΦΟΣ Преступление и наказание", "σίσυφοσ|преступление|наказание");
	check("한국어 단어", "한국어|단어");
	check("हिन्दी العربية", "हिन्दी|العربية");
}

/* Different bytes of one text give one term. */
static void
compatibility_forms(void **state)
{
	(void) state;
	check("cafe\xCC\x81 caf\xC3\xA9", "café|café");
	check("ＡＢＣ１２ ﬁlm", "abc12|film");
	check("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xE1\x84\x80\xE1\x85\xAE\xE1\x86\xA8", "한국");
	check("ｶﾞﾝﾀﾞﾑ ガンダム", "ガン|ンダ|ダム|ガン|ンダ|ダム");
	check("soft\xC2\xADhyphen \xEF\xBB\xBFmark", "softhyphen|mark");
	check("Brand™ x²y", "brand|x2y");
}

static void
scripts_without_spaces(void **state)
{
	(void) state;
	check("人工智能", "人工|工智|智能");
	check("iPhone手机，5G手机", "iphone|手机|5g|手机");
	check("《三体》", "三体");
	check("猫", "猫");
	check("2018年3月", "");
	check("中国的手机，我们都爱北京", "中国|手机|都爱|爱北|北京");
	check("这是什么", "");
	check("如何学习", "何学|学习");
	check("カメラと写真", "カメ|メラ|写真");
	check("กิน", "กิน");
}

static void
malformed_bytes_separate(void **state)
{
	char longest[65];

	(void) state;
	check_bytes("good\xFFwords\xC3", 11, "good|words");
	check_bytes("zero\0byte", 9, "zero|byte");
	check_bytes("\xE4\xBA\xBA\xE5\xB7", 5, "人");
	check_bytes("\xED\xA0\x80surrogate", 12, "surrogate");
	memset(longest, 'x', 65);
	check_bytes(longest, 64, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	check_bytes(longest, 65, "");
}

static void
visit_stops(void **state)
{
	UimlEnv env = uiml_env_malloc();
	Joined joined = {.left = 2};

	(void) state;
	assert_int_equal(uiml_terms_each(&env, "red two three four", 18, join_term, &joined), UIML_EINTERRUPTED);
	assert_string_equal(joined.text, "red|two");
}

/* A long text is left early, though it has no term to visit. */
static void
long_word_is_interrupted(void **state)
{
	enum
	{
		LENGTH = 1000000
	};
	char *text = malloc(LENGTH);
	long countdown = 3;
	UimlEnv env = test_env_interrupting(&countdown);
	Joined joined = {.left = 2};

	(void) state;
	memset(text, 'x', LENGTH);
	assert_int_equal(uiml_terms_each(&env, text, LENGTH, join_term, &joined), UIML_EINTERRUPTED);
	assert_int_equal(countdown, 0);
	free(text);
}

/* ---------- the table ---------- */

static void
add(UimlTerms *terms, uint32_t class_number, const char *text)
{
	assert_int_equal(uiml_terms_add(terms, class_number, 1, text, strlen(text)), UIML_OK);
}

/* That the top terms of a class are those given, joined by bars. */
static void
check_top(UimlTerms *terms, uint32_t class_number, size_t n, const char *expected)
{
	Joined joined = {.left = 1000};
	const char *term[32];
	size_t length[32];
	double weight[32];
	size_t found;

	assert_true(n <= 32);
	assert_int_equal(uiml_terms_top(terms, class_number, n, term, length, weight, NULL, &found), UIML_OK);
	for (size_t i = 0; i < found; i++)
	{
		join_term(&joined, term[i], length[i]);
		assert_true(isfinite(weight[i]) && weight[i] >= 0);
	}
	assert_string_equal(joined.text, expected);
}

/* The matrix of the known answer as texts: the weights must be the same. */
static void
top_weights(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 2, LARGE);
	const char *term[3];
	size_t length[3];
	double weight[3];
	size_t found;

	(void) state;
	add(terms, 0, "alpha beta");
	add(terms, 0, "alpha");
	add(terms, 0, "alpha alpha ALPHA"); /* counts once */
	for (int i = 0; i < 4; i++)
		add(terms, 1, i < 2 ? "gamma beta" : "gamma");
	assert_int_equal(uiml_terms_top(terms, 1, 3, term, length, weight, NULL, &found), UIML_OK);
	assert_int_equal(found, 2);
	assert_memory_equal(term[0], "gamma", 5);
	assert_near(weight[0], 0.5406201441, 1e-10);
	assert_memory_equal(term[1], "beta", 4);
	assert_near(weight[1], 0.3269430843, 1e-10);
	/* beta is rarer here than in the other class. */
	assert_int_equal(uiml_terms_top(terms, 0, 3, term, length, NULL, NULL, &found), UIML_OK);
	assert_int_equal(found, 1);
	assert_memory_equal(term[0], "alpha", 5);
	uiml_terms_destroy(terms);
}

/* Weights of texts are counts: 2.5 and 0.5 in one class, 1 and 3 in the other. */
static void
texts_have_weights(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 2, LARGE);
	const char *term[3];
	size_t length[3];
	double weight[3];
	size_t found;

	(void) state;
	assert_int_equal(uiml_terms_add(terms, 0, 2, "alpha", 5), UIML_OK);
	assert_int_equal(uiml_terms_add(terms, 0, 0.5, "alpha beta", 10), UIML_OK);
	assert_int_equal(uiml_terms_add(terms, 1, 1, "gamma beta", 10), UIML_OK);
	assert_int_equal(uiml_terms_add(terms, 1, 2, "gamma", 5), UIML_OK);
	assert_int_equal(uiml_terms_top(terms, 0, 3, term, length, weight, NULL, &found), UIML_OK);
	assert_int_equal(found, 1);
	assert_near(weight[0], uiml_class_tfidf_weight(2.5, 3, 2.5, 3.5), 1e-15);
	assert_int_equal(uiml_terms_top(terms, 1, 3, term, length, weight, NULL, &found), UIML_OK);
	assert_int_equal(found, 2);
	assert_near(weight[0], uiml_class_tfidf_weight(3, 4, 3, 3.5), 1e-15);
	assert_near(weight[1], uiml_class_tfidf_weight(1, 4, 1.5, 3.5), 1e-15);
	uiml_terms_destroy(terms);
}

/* What most of an interest's users know outvotes many texts that few know. */
static void
weights_decide(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 2, LARGE);

	(void) state;
	for (int i = 0; i < 30; i++)
	{
		assert_int_equal(
			uiml_terms_add(terms, 0, i < 10 ? 9 : 1, i < 10 ? "action" : "obscure", i < 10 ? 6 : 7), UIML_OK);
		add(terms, 1, "romance");
	}
	check_top(terms, 0, 2, "action|obscure");
	uiml_terms_destroy(terms);
}

static void
check_grade(UimlTerms *terms, const char *text, UimlTermGrade expected)
{
	const char *term[32];
	size_t length[32];
	UimlTermGrade grade[32];
	size_t found;

	assert_int_equal(uiml_terms_top(terms, 0, 32, term, length, NULL, grade, &found), UIML_OK);
	for (size_t i = 0; i < found; i++)
	{
		if (i > 0)
			assert_true(grade[i] <= grade[i - 1]);
		if (length[i] == strlen(text) && memcmp(term[i], text, length[i]) == 0)
		{
			assert_int_equal(grade[i], expected);
			return;
		}
	}
	fail_msg("no term %s", text);
}

/* 200 texts against 200: the shares in the comments are those of class 0 and class 1. */
static void
terms_have_grades(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 2, LARGE);

	(void) state;
	for (int i = 0; i < 200; i++)
	{
		char text[200];

		snprintf(text, sizeof(text), "text%s%s%s%s%s", i < 20 ? " double" : "", i < 120 ? " excess" : "",
				 i < 26 ? " slightly" : "", i < 102 ? " even" : "", i < 5 ? " rare" : "");
		add(terms, 0, text);
		snprintf(text, sizeof(text), "text%s%s%s%s", i < 8 ? " double" : "", i < 90 ? " excess" : "",
				 i < 20 ? " slightly" : "", i < 100 ? " even" : "");
		add(terms, 1, text);
	}
	check_grade(terms, "double", UIML_TERM_MARK);       /* .1 and .04: lift 2.5 */
	check_grade(terms, "excess", UIML_TERM_MARK);       /* .6 and .45: lift 1.33 */
	check_grade(terms, "slightly", UIML_TERM_TENDENCY); /* .13 and .1: lift 1.3 */
	check_grade(terms, "even", UIML_TERM_WEAK);         /* .51 and .5 */
	check_grade(terms, "rare", UIML_TERM_WEAK);         /* .025 and 0, but that may be chance */
	uiml_terms_destroy(terms);
}

/* What is named once comes after what marks the class; what is common everywhere does not come at all. */
static void
top_is_characteristic(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 3, LARGE);

	(void) state;
	for (int i = 0; i < 50; i++)
	{
		add(terms, 0, i % 2 ? "news football match" : "news football");
		add(terms, 1, i % 2 ? "news stocks market" : "news stocks");
		add(terms, 2, "news weather");
	}
	add(terms, 0, "zbigniew");
	check_top(terms, 0, 2, "football|match");
	check_top(terms, 0, 9, "football|match|zbigniew");
	check_top(terms, 1, 2, "stocks|market");
	check_top(terms, 0, 0, "");
	uiml_terms_destroy(terms);
}

/* Ties are in byte order, whatever the order of arrival. */
static void
top_ties(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 2, LARGE);

	(void) state;
	add(terms, 0, "delta bravo");
	add(terms, 0, "charlie alpha");
	check_top(terms, 0, 9, "alpha|bravo|charlie|delta");
	check_top(terms, 1, 9, "");
	uiml_terms_destroy(terms);
}

static void
top_joins_pairs(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 2, LARGE);

	(void) state;
	for (int i = 0; i < 10; i++)
	{
		add(terms, 0, i % 2 ? "人工智能的未来" : "谈谈人工智能");
		add(terms, 1, i % 2 ? "足球比赛" : "足球明星");
		add(terms, 1, i % 2 ? "比赛" : "明星");
	}
	check_top(terms, 0, 2, "人工智能|未来");
	check_top(terms, 1, 3, "明星|比赛|足球");
	uiml_terms_destroy(terms);
}

/* Thai marks stay with their consonants when pairs are joined. */
static void
top_joins_marks(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 2, LARGE);

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		add(terms, 0, "ดนตรี");
		add(terms, 1, "อื่น");
	}
	check_top(terms, 0, 2, "ดนตรี");
	uiml_terms_destroy(terms);
}

static void
top_skips_repetition(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 2, LARGE);

	(void) state;
	for (int i = 0; i < 6; i++)
	{
		add(terms, 0, "robot robots");
		add(terms, 0, i < 3 ? "art party" : "party");
		add(terms, 1, "garden");
	}
	/* robots adds nothing to robot; art and party differ in their counts. */
	check_top(terms, 0, 9, "party|robot|art");
	uiml_terms_destroy(terms);
}

static void
one_class_has_labels(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 1, LARGE);

	(void) state;
	add(terms, 0, "red wine");
	add(terms, 0, "white wine");
	check_top(terms, 0, 2, "wine|red");
	uiml_terms_destroy(terms);
}

static void
arguments_are_checked(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 2, LARGE);
	size_t found = 7;

	(void) state;
	assert_null(uiml_terms_create(&env, 0, LARGE));
	assert_null(uiml_terms_create(&env, 65536, LARGE));
	assert_int_equal(uiml_terms_add(terms, 2, 1, "text", 4), UIML_EINVALID);
	assert_int_equal(uiml_terms_add(terms, 0, 0, "text", 4), UIML_EINVALID);
	assert_int_equal(uiml_terms_add(terms, 0, NAN, "text", 4), UIML_EINVALID);
	assert_int_equal(uiml_terms_add(terms, 0, INFINITY, "text", 4), UIML_EINVALID);
	assert_int_equal(uiml_terms_top(terms, 2, 1, NULL, NULL, NULL, NULL, &found), UIML_EINVALID);
	assert_int_equal(found, 0);
	uiml_terms_destroy(terms);
	uiml_terms_destroy(NULL);
}

/* Many distinct terms: every count is right after all the growing. */
static void
many_terms(void **state)
{
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 3, LARGE);
	const char *term[30];
	size_t length[30];
	double weight[30];
	size_t found;

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		char text[64];

		snprintf(text, sizeof(text), "word%d shared%d", i, i % 10);
		add(terms, (uint32_t) i % 2, text);
	}
	assert_int_equal(uiml_terms_top(terms, 0, 30, term, length, weight, NULL, &found), UIML_OK);
	assert_int_equal(found, 30);
	for (int i = 0; i < 5; i++)
	{
		/* 2,000 texts each, all in class 0; A = 40,000 / 3. */
		assert_memory_equal(term[i], "shared", 6);
		assert_int_equal(term[i][6], '0' + 2 * i);
		assert_near(weight[i], 0.1 * log1p(40000.0 / 3 / 2000), 1e-12);
	}
	assert_memory_equal(term[5], "word0", 5);
	uiml_terms_destroy(terms);
}

static void
memory_is_bounded(void **state)
{
	UimlEnv env = test_env_counting();
	UimlTerms *terms = uiml_terms_create(&env, 2, 200000);
	UimlStatus status = UIML_OK;

	(void) state;
	for (int i = 0; i < 100; i++)
		add(terms, 0, "known term");
	for (int i = 0; i < 100000 && status == UIML_OK; i++)
	{
		char text[32];

		snprintf(text, sizeof(text), "word%d", i);
		status = uiml_terms_add(terms, 1, 1, text, strlen(text));
	}
	assert_int_equal(status, UIML_ELIMIT);
	/* What was counted still counts, and known terms go on counting. */
	add(terms, 0, "known");
	check_top(terms, 0, 2, "known|term");
	uiml_terms_destroy(terms);

	terms = uiml_terms_create(&env, 2, 0);
	assert_non_null(terms);
	assert_int_equal(uiml_terms_add(terms, 1, 1, "word", 4), UIML_ELIMIT);
	check_top(terms, 1, 2, "");
	uiml_terms_destroy(terms);
	assert_int_equal(test_env_live(), 0);
}

/* Create, fill past every first growth, label. */
static UimlStatus
whole_use(const UimlEnv *env)
{
	UimlTerms *terms = uiml_terms_create(env, 2, LARGE);
	UimlStatus status = UIML_OK;
	const char *term[5];
	size_t length[5];
	size_t found;

	if (terms == NULL)
		return UIML_ENOMEM;
	for (int i = 0; i < 3000 && status == UIML_OK; i++)
	{
		char text[64];

		snprintf(text, sizeof(text), "word%d 人工智能", i);
		status = uiml_terms_add(terms, (uint32_t) i % 2, 1, text, strlen(text));
	}
	if (status == UIML_OK)
		status = uiml_terms_top(terms, 0, 5, term, length, NULL, NULL, &found);
	uiml_terms_destroy(terms);
	return status;
}

static void
fails_cleanly(void **state)
{
	UimlStatus status = UIML_ENOMEM;
	long failed = 0;

	(void) state;
	for (long k = 1; status == UIML_ENOMEM; k++)
	{
		long countdown = k;
		UimlEnv env = test_env_failing_alloc(&countdown);

		status = whole_use(&env);
		failed += status == UIML_ENOMEM;
		assert_int_equal(test_env_live(), 0);
	}
	assert_int_equal(status, UIML_OK);
	assert_true(failed >= 15);
}

static void
labelling_is_interruptible(void **state)
{
	long countdown = 2;
	UimlEnv env = test_env_interrupting(&countdown);
	UimlTerms *terms = uiml_terms_create(&env, 1, LARGE);
	const char *term[3];
	size_t length[3];
	size_t found;

	(void) state;
	add(terms, 0, "red white wine");
	assert_int_equal(uiml_terms_top(terms, 0, 3, term, length, NULL, NULL, &found), UIML_EINTERRUPTED);
	uiml_terms_destroy(terms);
	assert_int_equal(test_env_live(), 0);
}

/* The end of a huge text does not count, nor take time. */
static void
long_text_is_cut(void **state)
{
	const size_t size = (size_t) 1 << 20;
	UimlEnv env = uiml_env_malloc();
	UimlTerms *terms = uiml_terms_create(&env, 1, LARGE);
	char *text = malloc(size);

	(void) state;
	memset(text, ' ', size);
	memcpy(text, "begin", 5);
	memcpy(text + size - 3, "end", 3);
	assert_int_equal(uiml_terms_add(terms, 0, 1, text, size), UIML_OK);
	check_top(terms, 0, 2, "begin");
	free(text);
	uiml_terms_destroy(terms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(latin_words),
		cmocka_unit_test(compatibility_forms),
		cmocka_unit_test(scripts_without_spaces),
		cmocka_unit_test(malformed_bytes_separate),
		cmocka_unit_test(visit_stops),
		cmocka_unit_test(long_word_is_interrupted),
		cmocka_unit_test(top_weights),
		cmocka_unit_test(texts_have_weights),
		cmocka_unit_test(weights_decide),
		cmocka_unit_test(terms_have_grades),
		cmocka_unit_test(top_is_characteristic),
		cmocka_unit_test(top_ties),
		cmocka_unit_test(top_joins_pairs),
		cmocka_unit_test(top_joins_marks),
		cmocka_unit_test(top_skips_repetition),
		cmocka_unit_test(one_class_has_labels),
		cmocka_unit_test(arguments_are_checked),
		cmocka_unit_test(many_terms),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(fails_cleanly),
		cmocka_unit_test(labelling_is_interruptible),
		cmocka_unit_test(long_text_is_cut),
	};

	return cmocka_run_group_tests_name("terms", tests, NULL, NULL);
}
