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

CREATE TABLE demo_words (domain text, language text, topic int, name text, who text[], what text[], rest text[], queries text[]);

INSERT INTO demo_words VALUES
	('news', 'en', 1, 'football',
	 '{Arsenal striker,Young goalkeeper,Barcelona midfielder,Football coach,Team captain,Premier League club,Veteran defender}',
	 '{scores twice,signs new football contract,misses the penalty,returns from injury,is sold for record fee,wins the derby,breaks goal record}',
	 '{in cup final,before World Cup qualifier,after late goal,in league opener,as fans celebrate}',
	 '{football results,premier league table,transfer rumours,world cup tickets}'),
	('news', 'en', 2, 'artificial intelligence',
	 '{Chatbot maker,Chip designer,Robot start-up,Software giant,AI laboratory,Phone maker,Open-source project}',
	 '{releases new language model,unveils faster AI chip,open-sources its software,patches security flaw,trains neural network,demonstrates robot assistant,buys cloud start-up}',
	 '{for developers,at technology fair,ahead of rivals,after months of testing,to run on smartphones}',
	 '{best language model,gpu prices,python tutorial,robot assistant review}'),
	('news', 'en', 3, 'markets',
	 '{Central bank,Stock market,Bond investors,Oil exporter,Hedge fund,Retail bank,Bitcoin exchange}',
	 '{raises interest rates,beats profit forecast,fears inflation,cuts dividend,sells shares,warns of recession,reports record earnings}',
	 '{as inflation slows,in volatile trading,after quarterly results,amid currency crisis,while shares rally}',
	 '{interest rates today,stock prices,inflation forecast,bitcoin price}'),
	('news', 'en', 4, 'health',
	 '{Cancer patients,Hospital doctors,Vaccine researchers,Sleep scientists,Heart surgeons,Nurses,Nutrition experts}',
	 '{test new treatment,publish clinical trial,recommend daily exercise,warn of flu wave,find gene behind disease,reduce blood pressure,question popular diet}',
	 '{in large study,for older patients,as hospitals fill,after long trial,against diabetes}',
	 '{flu symptoms,healthy diet,vaccine side effects,how to sleep better}'),
	('news', 'en', 5, 'travel',
	 '{Night train,Budget airline,Island resort,Mountain village,Cruise ship,Historic hotel,National park}',
	 '{opens new route,offers cheap flights,limits tourist numbers,reopens to hikers,tops travel ranking,adds direct connection,introduces visitor fee}',
	 '{for summer holidays,to quiet beaches,across the Alps,along the coast,this travel season}',
	 '{cheap flights,beach hotels,hiking trails,train tickets}'),
	('news', 'en', 6, 'film and music',
	 '{Indie film,Jazz singer,Oscar winner,Rock band,Opera house,TV drama,Pop star}',
	 '{wins festival award,announces concert tour,releases debut album,tops box office,begins filming,returns for final season,cancels sold-out concert}',
	 '{after rave reviews,with full orchestra,at film festival,to delight of fans,in new cinema}',
	 '{concert tickets,new movies,album of the year,film festival programme}'),
	('news', 'en', 7, 'space',
	 '{Mars rover,Space telescope,Lunar lander,Rocket company,Astronaut crew,Comet probe,Satellite operator}',
	 '{finds traces of water,discovers distant planet,reaches lunar orbit,launches heavy rocket,photographs black hole,docks at space station,maps distant galaxy}',
	 '{on third attempt,in deep space,after long journey,beyond the solar system,seen from orbit}',
	 '{rocket launch schedule,mars pictures,space telescope images,next eclipse}'),
	('news', 'en', 8, 'food',
	 '{Star chef,Street food market,Village bakery,Noodle restaurant,Wine grower,Vegan kitchen,Coffee roaster}',
	 '{shares secret recipe,wins cooking prize,bakes sourdough bread,opens second restaurant,reinvents classic soup,serves seasonal menu,revives forgotten recipe}',
	 '{with local ingredients,for slow cooking,at harvest festival,on small budget,to hungry guests}',
	 '{sourdough recipe,best noodle soup,restaurant near me,vegan recipes}'),
	('news', 'zh', 1, 'football',
	 '{足球队长,年轻门将,国家队前锋,足球教练,英超俱乐部,主力后卫}', '{在决赛中打进两球,打破进球纪录,罚失点球,伤愈复出,签下足球合同}',
	 '{球迷欢呼,世界杯在即,联赛开幕,赢得德比}', '{足球比分,世界杯门票,英超积分榜}'),
	('news', 'zh', 2, 'artificial intelligence',
	 '{人工智能实验室,芯片公司,机器人企业,软件巨头,手机厂商,开源社区}', '{发布大语言模型,推出人工智能芯片,训练神经网络,修复软件漏洞,展示机器人助手}',
	 '{面向开发者,领先对手,开放源代码,支持手机运行}', '{大语言模型对比,显卡价格,人工智能教程}'),
	('news', 'zh', 3, 'markets',
	 '{中央银行,股票市场,债券投资者,基金公司,商业银行,石油企业}', '{宣布加息,利润超出预期,担忧通货膨胀,减持股票,公布财报}',
	 '{股市震荡,通胀放缓,股票大涨,汇率走低}', '{今日股票行情,银行利率,通货膨胀预测}'),
	('news', 'zh', 4, 'health',
	 '{医院医生,疫苗专家,睡眠研究者,心脏外科,营养专家,糖尿病患者}', '{公布临床试验,建议每天运动,提醒流感高发,尝试新疗法,关注血压健康}',
	 '{研究证实有效,老年患者受益,医院床位紧张,有益健康}', '{流感症状,健康饮食,疫苗副作用}'),
	('news', 'zh', 5, 'travel',
	 '{高铁线路,廉价航空,海岛酒店,山区古镇,国家公园,邮轮公司}', '{开通旅游专线,推出特价机票,限制游客人数,迎来旅游旺季,重新开放徒步路线}',
	 '{暑假出行首选,海滩风景宜人,假期旅行热门,游客好评}', '{特价机票,海边酒店,旅游攻略}'),
	('news', 'zh', 6, 'film and music',
	 '{独立电影,摇滚乐队,流行歌手,电视剧组,歌剧院,著名导演}', '{获得电影节大奖,宣布演唱会巡演,发行首张专辑,登顶票房冠军,开拍新电影}',
	 '{歌迷期待,影评人好评,电影院爆满,音乐会售罄}', '{演唱会门票,最新电影,音乐排行榜}'),
	('news', 'zh', 7, 'space',
	 '{火星探测器,太空望远镜,月球着陆器,火箭公司,航天员乘组,卫星团队}', '{发现遥远行星,进入月球轨道,成功发射火箭,拍摄黑洞照片,对接空间站}',
	 '{航天史上首次,穿越太阳系,探索深空,飞向宇宙}', '{火箭发射时间,火星照片,空间站直播}'),
	('news', 'zh', 8, 'food',
	 '{名厨,夜市小吃,乡村面包房,面馆老板,素食餐厅,咖啡师}', '{分享家常菜谱,获得烹饪大奖,烤出酸面包,改良经典汤面,推出时令美食}',
	 '{食材新鲜,美食爱好者排队,做法简单,味道鲜美}', '{家常菜谱,汤面做法,附近美食}'),
	('shop', 'en', 1, 'football',
	 '{Leather,Junior,Professional,Indoor,Lightweight,Retro}', '{Football Boots,Football Jersey,Goalkeeper Gloves,Match Football,Shin Guards,Goal Net,Training Cones}',
	 '{Size M,for Club Teams,with Carry Bag,Home Colours}', '{football boots,goalkeeper gloves,jersey}'),
	('shop', 'en', 2, 'artificial intelligence',
	 '{Wireless,Compact,4K,USB-C,Mechanical,Fast}', '{Laptop,Keyboard,Graphics Card,Monitor,Robot Kit,Solid State Drive,Smartphone}',
	 '{for Programmers,with Backlight,1 TB,with Dock}', '{laptop,graphics card,mechanical keyboard}'),
	('shop', 'en', 3, 'markets',
	 '{Practical,Illustrated,Complete,Annotated,Modern,Classic}', '{Guide to Investing,Stock Market Handbook,Options Trading Workbook,History of Money,Introduction to Bonds,Accounting Textbook,Economics Reader}',
	 '{Hardcover,Paperback,Second Edition,with Exercises}', '{investing book,stock market guide,accounting}'),
	('shop', 'en', 4, 'health',
	 '{Organic,Non-slip,Adjustable,Digital,High-protein,Daily}', '{Yoga Mat,Vitamin Tablets,Blood Pressure Monitor,Dumbbell Set,Fitness Tracker,Protein Powder,Massage Roller}',
	 '{for Beginners,Family Pack,with Training Plan,Blue}', '{yoga mat,vitamins,fitness tracker}'),
	('shop', 'en', 5, 'travel',
	 '{Waterproof,Foldable,Cabin-size,Ultralight,Two-person,Insulated}', '{Hiking Backpack,Travel Suitcase,Camping Tent,Sleeping Bag,Trekking Poles,Travel Pillow,Packing Cubes}',
	 '{40 Litres,with Wheels,for Summer,Forest Green}', '{hiking backpack,suitcase,tent}'),
	('shop', 'en', 6, 'film and music',
	 '{Acoustic,Vintage,Electric,Remastered,Beginner,Limited}', '{Guitar,Vinyl Record,Turntable,Studio Headphones,Film Collection,Digital Piano,Concert Poster}',
	 '{with Stand,Gift Edition,Black,Box Set}', '{guitar,vinyl record,headphones}'),
	('shop', 'en', 7, 'space',
	 '{Refractor,Motorised,Glow-in-the-dark,Portable,Children''s,Giant}', '{Telescope,Star Chart,Planetarium Projector,Astronomy Binoculars,Rocket Model Kit,Moon Globe,Microscope}',
	 '{with Tripod,for Stargazers,70 mm,with Atlas}', '{telescope,moon globe,rocket model}'),
	('shop', 'en', 8, 'food',
	 '{Cast-iron,Ceramic,Stainless,Japanese,Wooden,Cordless}', '{Frying Pan,Chef Knife,Espresso Machine,Baking Form,Noodle Pot,Cutting Board,Bread Oven}',
	 '{24 cm,with Recipe Book,Set of 3,Dishwasher Safe}', '{espresso machine,chef knife,frying pan}');

-- Items: the n-th of a topic is the n-th combination of its words, in an order that mixes them.

CREATE TABLE demo_items AS
SELECT domain, language, topic, n,
	   row_number() OVER (ORDER BY domain, demo_uniform(1000 * topic + n, hashtextextended(domain || language, 1))) AS item,
	   demo_pick(who, mixed) || glue || demo_pick(what, mixed / cardinality(who)) || glue2 ||
	   demo_pick(rest, mixed / cardinality(who) / cardinality(what)) AS title
FROM demo_words
CROSS JOIN LATERAL (SELECT CASE language WHEN 'zh' THEN '' ELSE ' ' END AS glue,
						   CASE WHEN language = 'zh' THEN '，' WHEN domain = 'shop' THEN ', ' ELSE ' ' END AS glue2) g
CROSS JOIN LATERAL generate_series(1, CASE WHEN language = 'zh' THEN 60 WHEN domain = 'shop' THEN 90 ELSE 110 END) n
CROSS JOIN LATERAL (SELECT n * 59 % (cardinality(who) * cardinality(what) * cardinality(rest)) AS mixed) m;

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
