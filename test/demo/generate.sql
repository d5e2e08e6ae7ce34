/*
 * generate.sql
 *	  Two domains of events with known interests: a news site and a shop.
 *
 * Everything is drawn by hashing, so that every run on every machine makes the same rows.  2,000 people have one main and
 * one second interest among eight topics; users 1 .. 1500 read news, 601 .. 2000 shop, so 900 do both, and three
 * quarters of these shop for what they read about.  Three in ten change their main interest in the last four weeks.
 * Items are skewed in popularity.  Searches carry a query and no item.  News is read in English, in Chinese or in both.
 *
 * demo_planted tells who was made to like what; uiml never sees it.
 */

-- A number in [0, 1) that depends on n and on what it is drawn for.
CREATE FUNCTION demo_uniform(n bigint, purpose bigint) RETURNS double precision
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN (hashint8extended(n, purpose) & 4503599627370495)::double precision / 4503599627370496;

-- One of the words.
CREATE FUNCTION demo_pick(words text[], n bigint) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN words[1 + n % cardinality(words)];

CREATE TABLE demo_words (domain text, language text, topic int, name text, who text[], what text[], queries text[], rest text[]);

INSERT INTO demo_words VALUES
	('news', 'en', 1, 'football',
	 '{Football coach,Young striker,Football club,Goalkeeper,Team captain,Premier League striker,Football fans}',
	 '{celebrated cup final,signed new contract,missed late penalty,returned from injury,won the league derby,scored in cup final,waited for World Cup}',
	 '{football results,premier league table,transfer rumours,world cup tickets}'),
	('news', 'en', 2, 'artificial intelligence',
	 '{Chatbot maker,Chip designer,Robot start-up,Software giant,AI laboratory,Robot maker,Open-source project}',
	 '{releases language model,unveils AI chip,opens robot factory,patches software flaw,trains AI model,shows robot assistant,buys chip start-up}',
	 '{best language model,gpu prices,python tutorial,robot assistant review}'),
	('news', 'en', 3, 'markets',
	 '{Central bank,Stock market,Bond investors,Oil exporter,Hedge fund,Retail bank,Stock exchange}',
	 '{feared inflation,cut interest rates,reported falling profit,sold bank shares,raised interest rates,expected more inflation,bought shares}',
	 '{interest rates today,stock prices,inflation forecast,bitcoin price}'),
	('news', 'en', 4, 'health',
	 '{Cancer patients,Hospital doctors,Vaccine researchers,Heart patients,Heart surgeons,Hospital nurses,Diabetes doctors}',
	 '{tested new treatment,published vaccine trial,recommended daily exercise,warned of flu wave,found disease gene,lowered blood pressure,questioned cancer treatment}',
	 '{flu symptoms,healthy diet,vaccine side effects,how to sleep better}'),
	('news', 'en', 5, 'travel',
	 '{Night train,Budget airline,Island resort,Mountain hotel,Cruise ship,Historic hotel,National park}',
	 '{opens to summer travel,offers cheap flights,limits tourist numbers,opens hiking trail,tops travel ranking,adds beach route,asks tourist fee}',
	 '{cheap flights,beach hotels,hiking trails,train tickets}'),
	('news', 'en', 6, 'film and music',
	 '{Indie film,Jazz singer,Oscar film,Rock band,Opera singer,TV drama,Pop singer}',
	 '{wins film festival,announces concert tour,releases album,tops cinema charts,gives concert,returns for final season,sells album record}',
	 '{concert tickets,new movies,album of the year,film festival programme}'),
	('news', 'en', 7, 'space',
	 '{Mars rover,Space telescope,Lunar lander,Rocket company,Astronaut crew,Comet probe,Space agency}',
	 '{finds water on Mars,discovers planet,reaches lunar orbit,launches rocket,photographs black hole,docks at space station,maps distant galaxy}',
	 '{rocket launch schedule,mars pictures,space telescope images,next eclipse}'),
	('news', 'en', 8, 'food',
	 '{Star chef,Street food market,Village bakery,Noodle restaurant,Wine grower,Vegan restaurant,Coffee roaster}',
	 '{shares secret recipe,wins cooking prize,bakes bread,opens second kitchen,cooks classic soup,serves seasonal menu,tries noodle recipe}',
	 '{sourdough recipe,best noodle soup,restaurant near me,vegan recipes}'),
	('news', 'zh', 1, 'football', '{足球队长,足球门将,国家足球队,足球教练,英超俱乐部,主力前锋}',
	 '{决赛打进两球,打破进球纪录,世界杯罚失点球,伤愈回归球队,签下足球合同}', '{足球比分,世界杯门票,英超积分榜}'),
	('news', 'zh', 2, 'artificial intelligence', '{人工智能实验室,芯片公司,机器人企业,软件巨头,人工智能团队,芯片工程师}',
	 '{发布语言模型,推出人工智能芯片,训练语言模型,修复软件漏洞,展示机器人}', '{语言模型对比,显卡价格,人工智能教程}'),
	('news', 'zh', 3, 'markets', '{中央银行,股票市场,股票投资者,基金公司,商业银行,石油企业}',
	 '{宣布加息,利润增长,担忧通货膨胀,减持股票,讨论银行利率}', '{今日股票行情,银行利率,通货膨胀预测}'),
	('news', 'zh', 4, 'health', '{医院医生,疫苗专家,睡眠医生,心脏外科医院,营养专家,糖尿病患者}',
	 '{公布疫苗试验,建议健康饮食,提醒流感高发,尝试新疗法,关注血压健康}', '{流感症状,健康饮食,疫苗副作用}'),
	('news', 'zh', 5, 'travel', '{高铁线路,廉价航空,海岛酒店,山区古镇,国家公园,海边酒店}',
	 '{开通旅游专线,推出特价机票,限制游客人数,迎来旅游旺季,开放旅游路线}', '{特价机票,海边酒店,旅游攻略}'),
	('news', 'zh', 6, 'film and music', '{独立电影,摇滚乐队,流行歌手,电视剧组,电影导演,音乐剧团}',
	 '{获得电影大奖,宣布演唱会,发行音乐专辑,登顶票房,开拍新电影}', '{演唱会门票,最新电影,音乐排行榜}'),
	('news', 'zh', 7, 'space', '{火星探测器,太空望远镜,月球着陆器,火箭公司,航天员,航天局}',
	 '{发现行星,进入月球轨道,发射火箭,拍摄黑洞,对接太空站}', '{火箭发射时间,火星照片,太空站直播}'),
	('news', 'zh', 8, 'food', '{名厨,夜市美食摊,乡村面包房,面馆老板,素食餐厅,咖啡师}',
	 '{分享菜谱,获得烹饪大奖,烤出面包,改良汤面,推出美食新菜谱}', '{家常菜谱,汤面做法,附近美食}'),
	('shop', 'en', 1, 'football', '{Classic,Compact,Lightweight,Premium,Junior,Everyday}',
	 '{Football Boots,Football Jersey,Goalkeeper Gloves,Match Football,Football Socks,Goal Net,Goalkeeper Jersey}',
	 '{football boots,goalkeeper gloves,jersey}'),
	('shop', 'en', 2, 'artificial intelligence', '{Classic,Compact,Lightweight,Premium,Junior,Everyday}',
	 '{Gaming Laptop,Laptop Dock,Wireless Keyboard,Gaming Keyboard,Graphics Card,Computer Monitor,Robot Kit}',
	 '{laptop,graphics card,gaming keyboard}'),
	('shop', 'en', 3, 'markets', '{Classic,Compact,Lightweight,Premium,Junior,Everyday}',
	 '{Investing Guide,Stock Market Handbook,Stock Trading Book,Bond Investing Book,History of Money,Economics Book,Investing Planner}',
	 '{investing book,stock market guide,economics}'),
	('shop', 'en', 4, 'health', '{Classic,Compact,Lightweight,Premium,Junior,Everyday}',
	 '{Yoga Mat,Yoga Block,Vitamin Tablets,Vitamin Drops,Dumbbell Weights,Fitness Tracker,Fitness Band}',
	 '{yoga mat,vitamins,fitness tracker}'),
	('shop', 'en', 5, 'travel', '{Classic,Compact,Lightweight,Premium,Junior,Everyday}',
	 '{Hiking Backpack,Hiking Boots,Camping Tent,Camping Stove,Sleeping Bag,Travel Suitcase,Travel Pillow}',
	 '{hiking backpack,suitcase,tent}'),
	('shop', 'en', 6, 'film and music', '{Classic,Compact,Lightweight,Premium,Junior,Everyday}',
	 '{Acoustic Guitar,Guitar Strings,Vinyl Record,Record Player,Film Collection,Digital Piano,Film Poster}',
	 '{guitar,vinyl record,headphones}'),
	('shop', 'en', 7, 'space', '{Classic,Compact,Lightweight,Premium,Junior,Everyday}',
	 '{Refractor Telescope,Telescope Tripod,Star Chart,Star Projector,Moon Globe,Rocket Model,Moon Lamp}',
	 '{telescope,moon globe,rocket model}'),
	('shop', 'en', 8, 'food', '{Classic,Compact,Lightweight,Premium,Junior,Everyday}',
	 '{Frying Pan,Bread Pan,Chef Knife,Bread Knife,Espresso Machine,Noodle Pot,Espresso Cups}',
	 '{espresso machine,chef knife,frying pan}');

-- What any headline or product may end with.
UPDATE demo_words SET rest = CASE domain || language
	WHEN 'newsen' THEN '{again,after long wait,to general surprise,for first time,this week}'
	WHEN 'newszh' THEN '{备受关注,引发热议,令人惊喜,网友点赞}'
	ELSE '{Black,Blue,Set of 2,New Model}' END::text[];

-- Items: the n-th of a topic is the n-th combination of its words, in an order that mixes them.

CREATE TABLE demo_items AS
SELECT domain, language, topic, n,
	   row_number() OVER (ORDER BY domain, demo_uniform(1000 * topic + n, hashtextextended(domain || language, 1))) AS item,
	   demo_pick(who, mixed) || glue || demo_pick(what, mixed / cardinality(who)) || glue2 ||
	   demo_pick(rest, mixed / (cardinality(who) * cardinality(what)) + mixed % (cardinality(who) * cardinality(what))) AS title
FROM demo_words
CROSS JOIN LATERAL (SELECT CASE language WHEN 'zh' THEN '' ELSE ' ' END AS glue,
						   CASE WHEN language = 'zh' THEN '，' WHEN domain = 'shop' THEN ', ' ELSE ' ' END AS glue2) g
CROSS JOIN LATERAL generate_series(1, CASE WHEN language = 'zh' THEN 60 WHEN domain = 'shop' THEN 90 ELSE 110 END) n
CROSS JOIN LATERAL (SELECT (n * 59 + topic * 31) % (cardinality(who) * cardinality(what) * cardinality(rest)) AS mixed) m;

CREATE TABLE news_articles (
	article_id bigint PRIMARY KEY,
	title text NOT NULL,
	published_at timestamptz NOT NULL
);
CREATE TABLE shop_products (
	product_id uuid PRIMARY KEY,
	title text NOT NULL,
	price numeric(8, 2) NOT NULL
);

INSERT INTO news_articles
SELECT item, title, timestamptz '2026-01-01 06:00+00' + demo_uniform(item, 2) * interval '120 days'
FROM demo_items WHERE domain = 'news';

INSERT INTO shop_products
SELECT md5('product ' || item)::uuid, title, round((5 + 200 * demo_uniform(item, 3) ^ 2)::numeric, 2)
FROM demo_items WHERE domain = 'shop';

-- People: a main, a second and a later main interest, a language, and how much they do.

CREATE TABLE demo_planted AS
SELECT domain, user_id,
	   main,
	   1 + (main + (6 * demo_uniform(user_id, 5))::int) % 8 AS second,
	   CASE WHEN demo_uniform(user_id, 6) < 0.3 THEN 1 + (main + (6 * demo_uniform(user_id, 7))::int) % 8 ELSE main END AS later,
	   CASE WHEN domain = 'shop' THEN 0 WHEN demo_uniform(user_id, 8) < 0.6 THEN 0.05 WHEN demo_uniform(user_id, 8) < 0.8 THEN 0.5 ELSE 0.9 END
	   AS chinese,
	   (12 - 38 * ln(1 - demo_uniform(user_id, 9 + ascii(domain))))::int AS events
FROM (VALUES ('news', 1, 1500), ('shop', 601, 2000)) d (domain, low, high)
CROSS JOIN LATERAL generate_series(low, high) user_id
CROSS JOIN LATERAL (
	SELECT 1 + (8 * demo_uniform(user_id, CASE WHEN domain = 'news' OR demo_uniform(user_id, 10) < 0.75 THEN 4 ELSE 11 END))::int % 8 AS main) m;

-- What they did over 120 days: 60 % main interest, 25 % second, the rest anything.

CREATE TABLE demo_draws AS
SELECT p.domain, p.user_id, d.draw, at, w.topic, w.language, w.queries, kind,
	   row_number() OVER (ORDER BY p.domain, p.user_id, at, d.draw) AS event
FROM demo_planted p
CROSS JOIN LATERAL (SELECT 100000 * (user_id + 10000::bigint * ascii(p.domain)) + n AS draw FROM generate_series(1, events) n) d
CROSS JOIN LATERAL (
	SELECT timestamptz '2026-01-01 08:00+00' + demo_uniform(draw, 12) * interval '120 days' AS at,
		   demo_uniform(draw, 13) AS what, demo_uniform(draw, 14) AS how) r
CROSS JOIN LATERAL (
	SELECT CASE WHEN what < 0.60 THEN CASE WHEN at > '2026-04-03 08:00+00' THEN later ELSE main END
				WHEN what < 0.85 THEN second
				ELSE 1 + (8 * demo_uniform(draw, 15))::int % 8 END AS topic,
		   CASE WHEN demo_uniform(draw, 16) < chinese THEN 'zh' ELSE 'en' END AS language,
		   CASE WHEN how < 0.72 THEN 'view' WHEN how < 0.83 THEN 'search' WHEN how < 0.95 THEN 'like' ELSE 'comment' END AS kind) c
JOIN demo_words w ON w.domain = p.domain AND w.topic = c.topic AND w.language = c.language;

CREATE TABLE demo_events AS
SELECT d.domain, event, user_id, kind, at, item,
	   CASE kind WHEN 'search' THEN demo_pick(queries, draw % 97) END AS query
FROM demo_draws d
LEFT JOIN demo_items i ON kind <> 'search' AND i.domain = d.domain AND i.topic = d.topic AND i.language = d.language
	AND i.n = 1 + floor(demo_uniform(draw, 17) ^ 2.2 * CASE WHEN d.language = 'zh' THEN 60 WHEN d.domain = 'shop' THEN 90 ELSE 110 END);

CREATE TABLE news_events (
	event_id bigint PRIMARY KEY,
	user_id bigint NOT NULL,
	article_id bigint REFERENCES news_articles, -- none for a search
	kind text NOT NULL,
	query text,
	created_at timestamptz NOT NULL
);
CREATE TABLE shop_events (
	event_id bigint PRIMARY KEY,
	user_id bigint NOT NULL,
	product_id uuid REFERENCES shop_products, -- none for a search
	kind text NOT NULL,
	query text,
	created_at timestamptz NOT NULL
);

INSERT INTO news_events SELECT event, user_id, item, kind, query, at FROM demo_events WHERE domain = 'news' ORDER BY at;
INSERT INTO shop_events
SELECT event, user_id, md5('product ' || item)::uuid, kind, query, at FROM demo_events WHERE domain = 'shop' ORDER BY at;

DROP TABLE demo_events, demo_draws;
ANALYZE;
