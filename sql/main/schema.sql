-- The main database after every migration: tables, views, functions, indexes, constraints and comments.
-- `make schema` writes this file from pg_dump; a test holds it to the migrations. Folio does not run it.

CREATE FUNCTION public.posts_search() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.search := search_words(NEW.title || ' ' || NEW.content);
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION public.posts_search() IS 'Fills the column search.';

CREATE FUNCTION public.record_account_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    state constant jsonb := jsonb_build_object('owner_id', NEW.owner_id, 'minimum', NEW.minimum, 'status', NEW.status);
    opened constant boolean := TG_OP = 'INSERT';
    last record;
BEGIN
    PERFORM set_config('search_path', format('pg_catalog, %I, pg_temp', TG_TABLE_SCHEMA), TRUE);
    SELECT at, after INTO last FROM changes WHERE account_id = NEW.id ORDER BY at DESC, id DESC LIMIT 1;
    IF last.after IS DISTINCT FROM state THEN
        INSERT INTO changes (at, changed_by, kind, account_id, before, after)
        VALUES (
            greatest(clock_timestamp(), last.at + interval '1 microsecond'),
            CASE WHEN opened THEN NEW.owner_id END,
            CASE WHEN opened THEN 'account_opened' ELSE 'account_changed' END,
            NEW.id,
            CASE WHEN NOT opened THEN
                jsonb_build_object('owner_id', OLD.owner_id, 'minimum', OLD.minimum, 'status', OLD.status)
            END,
            state
        );
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION public.record_account_change() IS 'Records an account that its owner opens, and any change of owner, minimum or status that is not the last one recorded.';

CREATE FUNCTION public.record_role_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    state constant jsonb := jsonb_build_object('role', NEW.role);
    last record;
BEGIN
    PERFORM set_config('search_path', format('pg_catalog, %I, pg_temp', TG_TABLE_SCHEMA), TRUE);
    SELECT at, after INTO last FROM changes
    WHERE user_id = NEW.id AND kind = 'role_changed' ORDER BY at DESC, id DESC LIMIT 1;
    IF last.after IS DISTINCT FROM state THEN
        INSERT INTO changes (at, kind, user_id, before, after)
        VALUES (
            greatest(clock_timestamp(), last.at + interval '1 microsecond'),
            'role_changed', NEW.id, jsonb_build_object('role', OLD.role), state
        );
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION public.record_role_change() IS 'Records any change of a role that is not the last one recorded.';

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END;
$$;
COMMENT ON FUNCTION public.refuse_change() IS 'Keeps the ledger append-only, for every role and in every replication mode (ENABLE ALWAYS).';

CREATE FUNCTION public.refuse_excess() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
DECLARE
    excess boolean;
BEGIN
    -- By its id, because the search path is empty while a dump is restored.
    EXECUTE format(
        'SELECT original.amount < $2 + coalesce(sum(earlier.amount), 0)'
        ' FROM %1$s AS original LEFT JOIN %1$s AS earlier ON earlier.reverses_id = original.id'
        ' WHERE original.id = $1 GROUP BY original.amount',
        TG_RELID::regclass
    ) INTO excess USING NEW.reverses_id, NEW.amount;
    IF excess THEN
        RAISE EXCEPTION 'reversals of transfer % exceed its amount', NEW.reverses_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
$_$;
COMMENT ON FUNCTION public.refuse_excess() IS 'Keeps the sum of reversals within the reversed transfer, whose accounts are locked.';

CREATE FUNCTION public.search_query(query text) RETURNS tsquery
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    terms text[] := ARRAY(
        SELECT term[1]
        FROM regexp_matches(
            regexp_replace(query, '[\u0009-\u000D\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]', ' ', 'g'),
            '(-?"[^"]*"?|[^ "]+)', 'g'
        ) AS terms (term)
    );
    phrase tsquery;
    positive boolean := FALSE;
    alternative tsquery; -- the terms since the last OR
    result tsquery;
BEGIN
    FOR i IN 1..cardinality(terms) LOOP
        IF lower(terms[i] COLLATE "C") = 'or' AND alternative IS NOT NULL AND i < cardinality(terms) THEN
            IF positive THEN
                result := coalesce(result || alternative, alternative);
            END IF;
            alternative := NULL;
            positive := FALSE;
            CONTINUE;
        END IF;
        phrase := nullif('''' || replace(search_text(terms[i]), ' ', ''' <-> ''') || '''', '''''')::tsquery;
        CONTINUE WHEN phrase IS NULL;
        IF terms[i] LIKE '-%' THEN
            phrase := !!phrase;
        ELSE
            positive := TRUE;
        END IF;
        alternative := coalesce(alternative && phrase, phrase);
    END LOOP;
    IF positive THEN
        result := coalesce(result || alternative, alternative);
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION public.search_query(query text) IS 'Query as typed into a search box: words that all occur, "phrases", -exclusions, OR between alternatives. An alternative of exclusions alone is left out; null if nothing is left.';

CREATE FUNCTION public.search_text(document text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    -- Everything that is no letter, mark or number (categories L, M, N of Unicode 14, UnicodeData.txt).
    separators CONSTANT text :=
        '[\u0001-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00A9\u00AB-\u00B1\u00B4\u00B6-\u00B8\u00BB\u00BF\u00D7'
        '\u00F7\u02C2-\u02C5\u02D2-\u02DF\u02E5-\u02EB\u02ED\u02EF-\u02FF\u0375\u037E\u0384\u0385\u0387\u03F6\u0482'
        '\u055A-\u055F\u0589-\u058F\u05BE\u05C0\u05C3\u05C6\u05F3-\u060F\u061B-\u061F\u066A-\u066D\u06D4\u06DD\u06DE'
        '\u06E9\u06FD\u06FE\u0700-\u070F\u07F6-\u07F9\u07FE\u07FF\u0830-\u083E\u085E\u0888\u0890\u0891\u08E2\u0964'
        '\u0965\u0970\u09F2\u09F3\u09FA\u09FB\u09FD\u0A76\u0AF0\u0AF1\u0B70\u0BF3-\u0BFA\u0C77\u0C7F\u0C84\u0D4F'
        '\u0D79\u0DF4\u0E3F\u0E4F\u0E5A\u0E5B\u0F01-\u0F17\u0F1A-\u0F1F\u0F34\u0F36\u0F38\u0F3A-\u0F3D\u0F85'
        '\u0FBE-\u0FC5\u0FC7-\u0FDA\u104A-\u104F\u109E\u109F\u10FB\u1360-\u1368\u1390-\u1399\u1400\u166D\u166E\u1680'
        '\u169B\u169C\u16EB-\u16ED\u1735\u1736\u17D4-\u17D6\u17D8-\u17DB\u1800-\u180A\u180E\u1940-\u1945'
        '\u19DE-\u19FF\u1A1E\u1A1F\u1AA0-\u1AA6\u1AA8-\u1AAD\u1B5A-\u1B6A\u1B74-\u1B7E\u1BFC-\u1BFF\u1C3B-\u1C3F'
        '\u1C7E\u1C7F\u1CC0-\u1CC7\u1CD3\u1FBD\u1FBF-\u1FC1\u1FCD-\u1FCF\u1FDD-\u1FDF\u1FED-\u1FEF\u1FFD-\u206F'
        '\u207A-\u207E\u208A-\u208E\u20A0-\u20C0\u2100\u2101\u2103-\u2106\u2108\u2109\u2114\u2116-\u2118'
        '\u211E-\u2123\u2125\u2127\u2129\u212E\u213A\u213B\u2140-\u2144\u214A-\u214D\u214F\u218A-\u244A\u249C-\u24E9'
        '\u2500-\u2775\u2794-\u2BFF\u2CE5-\u2CEA\u2CF9-\u2CFC\u2CFE\u2CFF\u2D70\u2E00-\u2E2E\u2E30-\u3004'
        '\u3008-\u3020\u3030\u3036\u3037\u303D-\u303F\u309B\u309C\u30A0\u30FB\u3190\u3191\u3196-\u319F\u31C0-\u31E3'
        '\u3200-\u321E\u322A-\u3247\u3250\u3260-\u327F\u328A-\u32B0\u32C0-\u33FF\u4DC0-\u4DFF\uA490-\uA4C6\uA4FE'
        '\uA4FF\uA60D-\uA60F\uA673\uA67E\uA6F2-\uA716\uA720\uA721\uA789\uA78A\uA828-\uA82B\uA836-\uA839\uA874-\uA877'
        '\uA8CE\uA8CF\uA8F8-\uA8FA\uA8FC\uA92E\uA92F\uA95F\uA9C1-\uA9CD\uA9DE\uA9DF\uAA5C-\uAA5F\uAA77-\uAA79\uAADE'
        '\uAADF\uAAF0\uAAF1\uAB5B\uAB6A\uAB6B\uABEB\uFB29\uFBB2-\uFBC2\uFD3E-\uFD4F\uFDCF\uFDFC-\uFDFF\uFE10-\uFE19'
        '\uFE30-\uFE6B\uFEFF-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65\uFFE0-\uFFFD\U00010100-\U00010102'
        '\U00010137-\U0001013F\U00010179-\U00010189\U0001018C-\U000101FC\U0001039F\U000103D0\U0001056F\U00010857'
        '\U00010877\U00010878\U0001091F\U0001093F\U00010A50-\U00010A58\U00010A7F\U00010AC8\U00010AF0-\U00010AF6'
        '\U00010B39-\U00010B3F\U00010B99-\U00010B9C\U00010EAD\U00010F55-\U00010F59\U00010F86-\U00010F89'
        '\U00011047-\U0001104D\U000110BB-\U000110C1\U000110CD\U00011140-\U00011143\U00011174\U00011175'
        '\U000111C5-\U000111C8\U000111CD\U000111DB\U000111DD-\U000111DF\U00011238-\U0001123D\U000112A9'
        '\U0001144B-\U0001144F\U0001145A-\U0001145D\U000114C6\U000115C1-\U000115D7\U00011641-\U00011643'
        '\U00011660-\U0001166C\U000116B9\U0001173C-\U0001173F\U0001183B\U00011944-\U00011946\U000119E2'
        '\U00011A3F-\U00011A46\U00011A9A-\U00011A9C\U00011A9E-\U00011AA2\U00011C41-\U00011C45\U00011C70\U00011C71'
        '\U00011EF7\U00011EF8\U00011FD5-\U00011FFF\U00012470-\U00012474\U00012FF1\U00012FF2\U00013430-\U00013438'
        '\U00016A6E\U00016A6F\U00016AF5\U00016B37-\U00016B3F\U00016B44\U00016B45\U00016E97-\U00016E9A\U00016FE2'
        '\U0001BC9C\U0001BC9F-\U0001BCA3\U0001CF50-\U0001D164\U0001D16A-\U0001D16C\U0001D173-\U0001D17A\U0001D183'
        '\U0001D184\U0001D18C-\U0001D1A9\U0001D1AE-\U0001D241\U0001D245\U0001D300-\U0001D356\U0001D6C1\U0001D6DB'
        '\U0001D6FB\U0001D715\U0001D735\U0001D74F\U0001D76F\U0001D789\U0001D7A9\U0001D7C3\U0001D800-\U0001D9FF'
        '\U0001DA37-\U0001DA3A\U0001DA6D-\U0001DA74\U0001DA76-\U0001DA83\U0001DA85-\U0001DA8B\U0001E14F\U0001E2FF'
        '\U0001E95E\U0001E95F\U0001ECAC\U0001ECB0\U0001ED2E\U0001EEF0-\U0001F0F5\U0001F10D-\U0001FBCA'
        '\U000E0001-\U000E007F]+';
    -- Ranges that contain every capital letter beyond ASCII.
    capitals CONSTANT text :=
        '[\u00C0-\u00DE\u0100-\u0136\u0139-\u0147\u014A-\u017D\u0181-\u018B\u018E-\u0198\u019C-\u01A9\u01AC-\u01B8'
        '\u01BC\u01C4-\u01DB\u01DE-\u01EE\u01F1-\u0232\u023A-\u023E\u0241-\u024E\u0370-\u0372\u0376\u037F'
        '\u0386-\u03AB\u03CF\u03D8-\u03EE\u03F4\u03F7-\u03FA\u03FD-\u042F\u0460-\u0480\u048A-\u04CD\u04D0-\u052E'
        '\u0531-\u0556\u10A0-\u10C7\u10CD\u13A0-\u13F5\u1C90-\u1CBA\u1CBD-\u1CBF\u1E00-\u1E94\u1E9E-\u1EFE'
        '\u1F08-\u1F0F\u1F18-\u1F1D\u1F28-\u1F2F\u1F38-\u1F3F\u1F48-\u1F4D\u1F59-\u1F5F\u1F68-\u1F6F\u1F88-\u1F8F'
        '\u1F98-\u1F9F\u1FA8-\u1FAF\u1FB8-\u1FBC\u1FC8-\u1FCC\u1FD8-\u1FDB\u1FE8-\u1FEC\u1FF8-\u1FFC\u2126\u212A'
        '\u212B\u2132\u2160-\u216F\u2183\u24B6-\u24CF\u2C00-\u2C2F\u2C60-\u2C64\u2C67-\u2C72\u2C75\u2C7E-\u2CE2'
        '\u2CEB-\u2CED\u2CF2\uA640-\uA66C\uA680-\uA69A\uA722-\uA72E\uA732-\uA76E\uA779-\uA786\uA78B-\uA78D'
        '\uA790-\uA792\uA796-\uA7C9\uA7D0\uA7D6-\uA7D8\uA7F5\uFF21-\uFF3A\U00010400-\U00010427\U000104B0-\U000104D3'
        '\U00010570-\U00010595\U00010C80-\U00010CB2\U000118A0-\U000118BF\U00016E40-\U00016E5F\U0001E900-\U0001E921]';
    -- Soft hyphens, joiners and byte order marks are no part of a word. "C" keeps the locale out.
    words text COLLATE "C" := translate(document, E'\u00AD\u200C\u200D\u2060\uFEFF', '');
BEGIN
    words := btrim(regexp_replace(words, separators, ' ', 'g'));
    -- A lexeme has at most 2,046 bytes, and the cost of normalize() grows with the square of a run of marks.
    IF char_length(words) > 255 THEN
        words := (SELECT string_agg(left(word, 255), ' ') FROM string_to_table(words, ' ') AS cut (word));
    END IF;
    IF octet_length(words) = char_length(words) THEN
        RETURN lower(words);
    END IF;
    words := lower(normalize(words, NFC));
    IF words ~ capitals THEN
        -- translate() costs ten times as much.
        words := (
            SELECT string_agg(
                coalesce(
                    -- Capital letters and their simple lower case (the same file).
                    jsonb_object(
                        string_to_array(
                            'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸ'
                            'ŹŻŽƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƠƢƤƦƧƩƬƮƯƱƲƳƵƷƸƼǄǅǇǈǊǋǍǏǑǓǕǗǙǛǞǠǢǤǦǨǪǬǮǱǲǴǶǷǸǺǼǾȀȂȄȆȈȊȌȎȐȒȔȖȘȚȜȞȠȢȤ'
                            'ȦȨȪȬȮȰȲȺȻȽȾɁɃɄɅɆɈɊɌɎͰͲͶͿΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫϏϘϚϜϞϠϢϤϦϨϪϬϮϴϷϹϺϽϾϿЀЁЂЃЄЅІЇЈЉЊЋЌ'
                            'ЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѶѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӁӃӅӇӉӋӍӐӒӔ'
                            'ӖӘӚӜӞӠӢӤӦӨӪӬӮӰӲӴӶӸӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖႠႡႢႣႤႥႦ'
                            'ႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘ'
                            'ᏙᏚᏛᏜᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯᏰᏱᏲᏳᏴᏵᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩᲪᲫᲬᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾᲿḀḂḄḆḈḊḌḎḐḒḔḖḘḚḜ'
                            'ḞḠḢḤḦḨḪḬḮḰḲḴḶḸḺḼḾṀṂṄṆṈṊṌṎṐṒṔṖṘṚṜṞṠṢṤṦṨṪṬṮṰṲṴṶṸṺṼṾẀẂẄẆẈẊẌẎẐẒẔẞẠẢẤẦẨẪẬẮẰẲẴẶẸẺẼẾỀỂỄỆỈỊỌỎỐỒỔỖỘ'
                            'ỚỜỞỠỢỤỦỨỪỬỮỰỲỴỶỸỺỼỾἈἉἊἋἌἍἎἏἘἙἚἛἜἝἨἩἪἫἬἭἮἯἸἹἺἻἼἽἾἿὈὉὊὋὌὍὙὛὝὟὨὩὪὫὬὭὮὯᾈᾉᾊᾋᾌᾍᾎᾏᾘᾙᾚᾛᾜᾝᾞᾟᾨᾩᾪᾫᾬᾭᾮ'
                            'ᾯᾸᾹᾺΆᾼῈΈῊΉῌῘῙῚΊῨῩῪΎῬῸΌῺΏῼΩKÅℲⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫⅬⅭⅮⅯↃⒶⒷⒸⒹⒺⒻⒼⒽⒾⒿⓀⓁⓂⓃⓄⓅⓆⓇⓈⓉⓊⓋⓌⓍⓎⓏⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌⰍⰎⰏⰐⰑ'
                            'ⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟⰠⰡⰢⰣⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⰯⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿⲀⲂⲄⲆⲈⲊⲌⲎⲐⲒⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎⳐⳒⳔⳖⳘ'
                            'ⳚⳜⳞⳠⳢⳫⳭⳲꙀꙂꙄꙆꙈꙊꙌꙎꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝽꝾꞀꞂꞄ'
                            'ꞆꞋꞍꞐꞒꞖꞘꞚꞜꞞꞠꞢꞤꞦꞨꞪꞫꞬꞭꞮꞰꞱꞲꞳꞴꞶꞸꞺꞼꞾꟀꟂꟄꟅꟆꟇꟉꟐꟖꟘꟵＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖'
                            '𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧𐒰𐒱𐒲𐒳𐒴𐒵𐒶𐒷𐒸𐒹𐒺𐒻𐒼𐒽𐒾𐒿𐓀𐓁𐓂𐓃𐓄𐓅𐓆𐓇𐓈𐓉𐓊𐓋𐓌𐓍𐓎𐓏𐓐𐓑𐓒𐓓𐕰𐕱𐕲𐕳𐕴𐕵𐕶𐕷𐕸𐕹𐕺𐕼𐕽𐕾𐕿𐖀𐖁𐖂𐖃𐖄𐖅𐖆𐖇𐖈𐖉𐖊𐖌𐖍𐖎𐖏𐖐𐖑𐖒𐖔𐖕𐲀𐲁'
                            '𐲂𐲃𐲄𐲅𐲆𐲇𐲈𐲉𐲊𐲋𐲌𐲍𐲎𐲏𐲐𐲑𐲒𐲓𐲔𐲕𐲖𐲗𐲘𐲙𐲚𐲛𐲜𐲝𐲞𐲟𐲠𐲡𐲢𐲣𐲤𐲥𐲦𐲧𐲨𐲩𐲪𐲫𐲬𐲭𐲮𐲯𐲰𐲱𐲲𑢠𑢡𑢢𑢣𑢤𑢥𑢦𑢧𑢨𑢩𑢪𑢫𑢬𑢭𑢮𑢯𑢰𑢱𑢲𑢳𑢴𑢵𑢶𑢷𑢸𑢹𑢺𑢻𑢼𑢽𑢾𑢿𖹀𖹁𖹂𖹃𖹄𖹅𖹆𖹇𖹈'
                            '𖹉𖹊𖹋𖹌𖹍𖹎𖹏𖹐𖹑𖹒𖹓𖹔𖹕𖹖𖹗𖹘𖹙𖹚𖹛𖹜𖹝𖹞𖹟𞤀𞤁𞤂𞤃𞤄𞤅𞤆𞤇𞤈𞤉𞤊𞤋𞤌𞤍𞤎𞤏𞤐𞤑𞤒𞤓𞤔𞤕𞤖𞤗𞤘𞤙𞤚𞤛𞤜𞤝𞤞𞤟𞤠𞤡',
                            NULL
                        ),
                        string_to_array(
                            'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįiĳĵķĺļľŀłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿ'
                            'źżžɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵơƣƥʀƨʃƭʈưʊʋƴƶʒƹƽǆǆǉǉǌǌǎǐǒǔǖǘǚǜǟǡǣǥǧǩǫǭǯǳǳǵƕƿǹǻǽǿȁȃȅȇȉȋȍȏȑȓȕȗșțȝȟƞȣȥ'
                            'ȧȩȫȭȯȱȳⱥȼƚⱦɂƀʉʌɇɉɋɍɏͱͳͷϳάέήίόύώαβγδεζηθικλμνξοπρστυφχψωϊϋϗϙϛϝϟϡϣϥϧϩϫϭϯθϸϲϻͻͼͽѐёђѓєѕіїјљњћќ'
                            'ѝўџабвгдежзийклмнопрстуфхцчшщъыьэюяѡѣѥѧѩѫѭѯѱѳѵѷѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӂӄӆӈӊӌӎӑӓӕ'
                            'ӗәӛӝӟӡӣӥӧөӫӭӯӱӳӵӷӹӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆⴀⴁⴂⴃⴄⴅⴆ'
                            'ⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨ'
                            'ꮩꮪꮫꮬꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿᏸᏹᏺᏻᏼᏽაბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾჿḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝ'
                            'ḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕßạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộ'
                            'ớờởỡợụủứừửữựỳỵỷỹỻỽỿἀἁἂἃἄἅἆἇἐἑἒἓἔἕἠἡἢἣἤἥἦἧἰἱἲἳἴἵἶἷὀὁὂὃὄὅὑὓὕὗὠὡὢὣὤὥὦὧᾀᾁᾂᾃᾄᾅᾆᾇᾐᾑᾒᾓᾔᾕᾖᾗᾠᾡᾢᾣᾤᾥᾦ'
                            'ᾧᾰᾱὰάᾳὲέὴήῃῐῑὶίῠῡὺύῥὸόὼώῳωkåⅎⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅺⅻⅼⅽⅾⅿↄⓐⓑⓒⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼⰽⰾⰿⱀⱁ'
                            'ⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏⱐⱑⱒⱓⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱟⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀⲁⲃⲅⲇⲉⲋⲍⲏⲑⲓⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏⳑⳓⳕⳗⳙ'
                            'ⳛⳝⳟⳡⳣⳬⳮⳳꙁꙃꙅꙇꙉꙋꙍꙏꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼᵹꝿꞁꞃꞅ'
                            'ꞇꞌɥꞑꞓꞗꞙꞛꞝꞟꞡꞣꞥꞧꞩɦɜɡɬɪʞʇʝꭓꞵꞷꞹꞻꞽꞿꟁꟃꞔʂᶎꟈꟊꟑꟗꟙꟶａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾'
                            '𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏𐓘𐓙𐓚𐓛𐓜𐓝𐓞𐓟𐓠𐓡𐓢𐓣𐓤𐓥𐓦𐓧𐓨𐓩𐓪𐓫𐓬𐓭𐓮𐓯𐓰𐓱𐓲𐓳𐓴𐓵𐓶𐓷𐓸𐓹𐓺𐓻𐖗𐖘𐖙𐖚𐖛𐖜𐖝𐖞𐖟𐖠𐖡𐖣𐖤𐖥𐖦𐖧𐖨𐖩𐖪𐖫𐖬𐖭𐖮𐖯𐖰𐖱𐖳𐖴𐖵𐖶𐖷𐖸𐖹𐖻𐖼𐳀𐳁'
                            '𐳂𐳃𐳄𐳅𐳆𐳇𐳈𐳉𐳊𐳋𐳌𐳍𐳎𐳏𐳐𐳑𐳒𐳓𐳔𐳕𐳖𐳗𐳘𐳙𐳚𐳛𐳜𐳝𐳞𐳟𐳠𐳡𐳢𐳣𐳤𐳥𐳦𐳧𐳨𐳩𐳪𐳫𐳬𐳭𐳮𐳯𐳰𐳱𐳲𑣀𑣁𑣂𑣃𑣄𑣅𑣆𑣇𑣈𑣉𑣊𑣋𑣌𑣍𑣎𑣏𑣐𑣑𑣒𑣓𑣔𑣕𑣖𑣗𑣘𑣙𑣚𑣛𑣜𑣝𑣞𑣟𖹠𖹡𖹢𖹣𖹤𖹥𖹦𖹧𖹨'
                            '𖹩𖹪𖹫𖹬𖹭𖹮𖹯𖹰𖹱𖹲𖹳𖹴𖹵𖹶𖹷𖹸𖹹𖹺𖹻𖹼𖹽𖹾𖹿𞤢𞤣𞤤𞤥𞤦𞤧𞤨𞤩𞤪𞤫𞤬𞤭𞤮𞤯𞤰𞤱𞤲𞤳𞤴𞤵𞤶𞤷𞤸𞤹𞤺𞤻𞤼𞤽𞤾𞤿𞥀𞥁𞥂𞥃',
                            NULL
                        )
                    ) ->> letter,
                    letter
                ),
                ''
            )
            FROM string_to_table(words, NULL) AS letters (letter)
        );
    END IF;
    RETURN words;
END;
$$;
COMMENT ON FUNCTION public.search_text(document text) IS 'Words of a text with single blanks between them: runs of letters, marks and numbers in NFC and lower case. The first 255 characters of a word count.';

CREATE FUNCTION public.search_words(document text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
BEGIN
    RETURN coalesce(
        (
            SELECT string_agg(format('''%s'':%s', word, place), ' ')
            FROM string_to_table(search_text(document), ' ') WITH ORDINALITY AS words (word, place)
        ),
        ''
    )::tsvector;
END;
$$;
COMMENT ON FUNCTION public.search_words(document text) IS 'Words of a text with their places, for the column search. PostgreSQL keeps 256 places of a word, up to 16383.';

CREATE TABLE public.accounts (
    id bigint NOT NULL,
    owner_id bigint NOT NULL,
    name text NOT NULL,
    currency text NOT NULL,
    balance bigint DEFAULT 0 NOT NULL,
    held bigint DEFAULT 0 NOT NULL,
    minimum bigint DEFAULT 0,
    status text DEFAULT 'open'::text NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    entered_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT accounts_available_check CHECK (((balance - held) >= minimum)),
    CONSTRAINT accounts_available_range_check CHECK (((balance - held) >= '-9007199254740991'::bigint)),
    CONSTRAINT accounts_balance_check CHECK (((balance >= '-9007199254740991'::bigint) AND (balance <= '9007199254740991'::bigint))),
    CONSTRAINT accounts_closed_check CHECK (((status <> 'closed'::text) OR ((balance = 0) AND (held = 0)))),
    CONSTRAINT accounts_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT accounts_held_check CHECK ((held >= 0)),
    CONSTRAINT accounts_held_range_check CHECK ((held <= '9007199254740991'::bigint)),
    CONSTRAINT accounts_minimum_check CHECK (((minimum >= '-9007199254740991'::bigint) AND (minimum <= '9007199254740991'::bigint))),
    CONSTRAINT accounts_status_check CHECK ((status = ANY (ARRAY['open'::text, 'frozen'::text, 'closed'::text])))
)
WITH (fillfactor='90', autovacuum_vacuum_scale_factor='0.02');
COMMENT ON TABLE public.accounts IS 'Accounts in one currency. balance, version and entered_at always agree with the entries.';
COMMENT ON COLUMN public.accounts.currency IS 'ISO 4217 code. Never changes.';
COMMENT ON COLUMN public.accounts.balance IS 'In minor units of the currency: the sum of the entries, and balance_after of the last one.';
COMMENT ON COLUMN public.accounts.held IS 'Part of the balance that active holds and pending purchases reserve; available = balance - held.';
COMMENT ON COLUMN public.accounts.minimum IS 'Lower limit of available. Null: no limit, for accounts that represent the outside world.';
COMMENT ON COLUMN public.accounts.status IS 'open; frozen by an operator, or closed by its owner: no transfer touches it.';
COMMENT ON COLUMN public.accounts.version IS 'Number of entries; version of the last one.';
COMMENT ON COLUMN public.accounts.entered_at IS 'created_at of the last entry. No later entry has an earlier time.';

ALTER TABLE public.accounts ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.accounts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.api_keys (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    read_only boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    issued_by bigint,
    CONSTRAINT api_keys_digest_check CHECK ((octet_length(digest) = 32))
);
COMMENT ON TABLE public.api_keys IS 'Keys that authenticate requests. The key itself is shown once and never stored.';
COMMENT ON COLUMN public.api_keys.digest IS 'SHA-256 of the key. A key has 256 random bits, so it needs no salt, and a lookup by digest leaks nothing.';
COMMENT ON COLUMN public.api_keys.read_only IS 'If true, the key is accepted for GET only.';
COMMENT ON COLUMN public.api_keys.expires_at IS 'When the key stops being accepted. Null: never.';
COMMENT ON COLUMN public.api_keys.revoked_at IS 'When the key was revoked. Null: it is not revoked.';
COMMENT ON COLUMN public.api_keys.issued_by IS 'User who issued the key: its owner or an operator. Null: the command line, or a release without this column.';

ALTER TABLE public.api_keys ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.api_keys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.audit_passes (
    id bigint NOT NULL,
    since timestamp with time zone,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    stage text,
    "position" text,
    checks json DEFAULT '[]'::json NOT NULL,
    turn bigint DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone NOT NULL,
    progressed_at timestamp with time zone
);
COMMENT ON TABLE public.audit_passes IS 'Audits that have not finished, with their progress. The process that leases one goes on with it.';
COMMENT ON COLUMN public.audit_passes.since IS 'Time from which on the audit reads rows. Null: it reads all.';
COMMENT ON COLUMN public.audit_passes.started_at IS 'When the audit began.';
COMMENT ON COLUMN public.audit_passes.stage IS 'Part of the audit that is in progress. Null: it has not begun.';
COMMENT ON COLUMN public.audit_passes."position" IS 'End of the last slice of that part, in the form of its invariants. Null: no slice was read.';
COMMENT ON COLUMN public.audit_passes.checks IS 'As in audits, of the slices that were read.';
COMMENT ON COLUMN public.audit_passes.turn IS 'Counts the leases: a process whose lease was taken over saves nothing more.';
COMMENT ON COLUMN public.audit_passes.leased_until IS 'When the lease ends. After that any process may take it.';
COMMENT ON COLUMN public.audit_passes.progressed_at IS 'When the progress was last stored. Null: no slice was read.';

ALTER TABLE public.audit_passes ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.audit_passes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.audits (
    id bigint NOT NULL,
    finished_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ok boolean NOT NULL,
    checks json NOT NULL,
    started_at timestamp with time zone,
    completed_at timestamp with time zone
);
COMMENT ON TABLE public.audits IS 'Results of audits, the last of which GET /ops/audit shows.';
COMMENT ON COLUMN public.audits.finished_at IS 'When the last query of the audit returned.';
COMMENT ON COLUMN public.audits.ok IS 'True if no query returned a row.';
COMMENT ON COLUMN public.audits.checks IS 'Name of each check and the rows that break its invariant, at most 100. An audit of new rows keeps those of the audit before.';
COMMENT ON COLUMN public.audits.started_at IS 'When the audit began. Null: run by a release before audit_passes.';
COMMENT ON COLUMN public.audits.completed_at IS 'When the last audit that read all rows finished. Null: this one did.';

ALTER TABLE public.audits ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.audits_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.changes (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    changed_by bigint,
    kind text NOT NULL,
    account_id bigint,
    user_id bigint,
    api_key_id bigint,
    before jsonb,
    after jsonb,
    CONSTRAINT changes_kind_check CHECK ((kind = ANY (ARRAY['account_recorded'::text, 'account_opened'::text, 'account_changed'::text, 'key_issued'::text, 'key_revoked'::text, 'role_changed'::text]))),
    CONSTRAINT changes_subject_check CHECK (((account_id IS NULL) = (user_id IS NOT NULL)))
);
COMMENT ON TABLE public.changes IS 'Record of every change of an account''s owner, minimum or status, of keys issued and revoked for others, and of roles. Append-only.';
COMMENT ON COLUMN public.changes.at IS 'When the change was made. A later change of the same account or user has a later time.';
COMMENT ON COLUMN public.changes.changed_by IS 'User who made the change. Null: the command line, a process of a release without this record, or SQL by hand.';
COMMENT ON COLUMN public.changes.kind IS 'account_recorded: the account as it was when the record began.';
COMMENT ON COLUMN public.changes.account_id IS 'Account that was changed.';
COMMENT ON COLUMN public.changes.user_id IS 'User whose key or role was changed.';
COMMENT ON COLUMN public.changes.before IS 'Owner, minimum and status of an account, a role, or the permissions of a key, before the change. Null: there was none.';
COMMENT ON COLUMN public.changes.after IS 'The same members after the change. Null: the key was revoked.';

ALTER TABLE public.changes ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.entries (
    account_id bigint NOT NULL,
    version bigint NOT NULL,
    transfer_id bigint NOT NULL,
    amount bigint NOT NULL,
    balance_after bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT entries_amount_check CHECK ((amount <> 0)),
    CONSTRAINT entries_version_check CHECK ((version >= 1))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.01');
COMMENT ON TABLE public.entries IS 'Changes of an account''s balance: two for each transfer, with opposite amounts. Append-only.';
COMMENT ON COLUMN public.entries.version IS 'Version of the account after this entry: 1, 2, 3 and so on, without a gap.';
COMMENT ON COLUMN public.entries.amount IS 'Signed, in minor units of the account''s currency: negative on the paying account.';
COMMENT ON COLUMN public.entries.balance_after IS 'Balance of the account after this entry.';

CREATE TABLE public.holds (
    id bigint NOT NULL,
    from_account_id bigint NOT NULL,
    to_account_id bigint NOT NULL,
    amount bigint NOT NULL,
    description text,
    status text DEFAULT 'active'::text NOT NULL,
    expires_in bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_by bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    reference text,
    metadata json,
    CONSTRAINT holds_accounts_differ_check CHECK ((from_account_id <> to_account_id)),
    CONSTRAINT holds_amount_check CHECK (((amount >= 1) AND (amount <= '9007199254740991'::bigint))),
    CONSTRAINT holds_expires_in_check CHECK (((expires_in >= 1) AND (expires_in <= 2592000))),
    CONSTRAINT holds_metadata_check CHECK (((json_typeof(metadata) = 'object'::text) AND (octet_length((metadata)::text) <= 4096))),
    CONSTRAINT holds_reference_check CHECK (((length(reference) >= 1) AND (length(reference) <= 255))),
    CONSTRAINT holds_status_check CHECK ((status = ANY (ARRAY['active'::text, 'captured'::text, 'released'::text, 'expired'::text])))
);
COMMENT ON TABLE public.holds IS 'Money of one account that is reserved for another. accounts.held includes the active ones.';
COMMENT ON COLUMN public.holds.amount IS 'In minor units of the two accounts'' currency.';
COMMENT ON COLUMN public.holds.status IS 'active, captured, released or expired. An active hold has expired from expires_at on, even if its row still says active.';
COMMENT ON COLUMN public.holds.expires_in IS 'Seconds, as requested: expires_at is created_at plus expires_in.';
COMMENT ON COLUMN public.holds.expires_at IS 'When the hold expires, if it is still active.';
COMMENT ON COLUMN public.holds.created_by IS 'User who requested the hold.';
COMMENT ON COLUMN public.holds.reference IS 'The own name of the user in created_by for the hold, not unique. Only that user and operators see it.';
COMMENT ON COLUMN public.holds.metadata IS 'Strings by name, for the user in created_by and operators only.';

CREATE TABLE public.transfers (
    id bigint NOT NULL,
    from_account_id bigint NOT NULL,
    to_account_id bigint NOT NULL,
    amount bigint NOT NULL,
    description text,
    reverses_id bigint,
    hold_id bigint,
    created_by bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    reference text,
    reference_by bigint,
    metadata json,
    CONSTRAINT transfers_accounts_differ_check CHECK ((from_account_id <> to_account_id)),
    CONSTRAINT transfers_amount_check CHECK (((amount >= 1) AND (amount <= '9007199254740991'::bigint))),
    CONSTRAINT transfers_cause_check CHECK (((reverses_id IS NULL) OR (hold_id IS NULL))),
    CONSTRAINT transfers_metadata_check CHECK (((json_typeof(metadata) = 'object'::text) AND (octet_length((metadata)::text) <= 4096))),
    CONSTRAINT transfers_reference_by_check CHECK (((reference IS NULL) = (reference_by IS NULL))),
    CONSTRAINT transfers_reference_check CHECK (((length(reference) >= 1) AND (length(reference) <= 255)))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.01');
COMMENT ON TABLE public.transfers IS 'Money moved from one account to another. Append-only.';
COMMENT ON COLUMN public.transfers.amount IS 'In minor units of the two accounts'' currency.';
COMMENT ON COLUMN public.transfers.reverses_id IS 'Transfer that this one reverses, in full or in part. The sum of its reversals is at most its amount.';
COMMENT ON COLUMN public.transfers.hold_id IS 'Hold that this transfer captures. A hold is captured at most once.';
COMMENT ON COLUMN public.transfers.created_by IS 'User who requested the transfer.';
COMMENT ON COLUMN public.transfers.reference IS 'The writer''s own name for the transfer, not unique. A capture has the reference of its hold, a payment that of its purchase, a reversal or refund that of the transfer that it reverses.';
COMMENT ON COLUMN public.transfers.reference_by IS 'User who wrote the reference. Only that user and operators see it.';
COMMENT ON COLUMN public.transfers.metadata IS 'Strings by name, for the user in created_by and operators only. Never inherited.';

CREATE VIEW public.hold_details AS
 SELECT holds.id,
    holds.from_account_id,
    holds.to_account_id,
    payer.currency,
    holds.amount,
    holds.description,
        CASE
            WHEN ((holds.status = 'active'::text) AND (holds.expires_at <= statement_timestamp())) THEN 'expired'::text
            ELSE holds.status
        END AS status,
    capture.amount AS captured_amount,
    capture.id AS transfer_id,
    holds.expires_in,
    holds.expires_at,
    holds.created_at,
    payer.owner_id AS from_owner_id,
    payee.owner_id AS to_owner_id,
    holds.created_by,
    holds.reference,
    holds.metadata
   FROM (((public.holds
     JOIN public.accounts payer ON ((payer.id = holds.from_account_id)))
     JOIN public.accounts payee ON ((payee.id = holds.to_account_id)))
     LEFT JOIN public.transfers capture ON ((capture.hold_id = holds.id)));
COMMENT ON VIEW public.hold_details IS 'Holds with their status as of this statement, the transfer that captured them, and the present owners of both accounts.';

ALTER TABLE public.holds ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.holds_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.idempotency_keys (
    user_id bigint NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    kind text NOT NULL,
    resource_id bigint,
    shown_account_ids bigint[],
    answer json,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT idempotency_keys_answer_check CHECK (
CASE kind
    WHEN 'refusal'::text THEN ((resource_id IS NULL) AND (answer IS NOT NULL))
    WHEN 'batch'::text THEN ((resource_id IS NULL) AND (answer IS NOT NULL))
    WHEN 'product'::text THEN ((resource_id IS NULL) AND (answer IS NOT NULL))
    WHEN 'transfer'::text THEN ((resource_id IS NOT NULL) AND (shown_account_ids IS NOT NULL))
    ELSE ((resource_id IS NOT NULL) AND (answer IS NOT NULL))
END),
    CONSTRAINT idempotency_keys_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255))),
    CONSTRAINT idempotency_keys_request_hash_check CHECK ((octet_length(request_hash) = 32))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.01');
COMMENT ON TABLE public.idempotency_keys IS 'The first answer under each Idempotency-Key. Keys never expire, unless the owner of the database deletes old ones.';
COMMENT ON COLUMN public.idempotency_keys.key IS 'As the client sent it in the header Idempotency-Key.';
COMMENT ON COLUMN public.idempotency_keys.request_hash IS 'SHA-256 of method, path and parsed body. A different request under the same key is refused.';
COMMENT ON COLUMN public.idempotency_keys.kind IS 'transfer, account, post, hold, purchase: the resource that the request made or changed; batch: results of a batch of transfers; product: the key is claimed for a product of the catalog; refusal: the request was refused; import: the transfer that a line of an imported file made.';
COMMENT ON COLUMN public.idempotency_keys.resource_id IS 'Id of the resource, in the table that kind names.';
COMMENT ON COLUMN public.idempotency_keys.shown_account_ids IS 'Accounts whose balances the answer showed: those that the caller owned.';
COMMENT ON COLUMN public.idempotency_keys.answer IS 'The resource as first answered, without texts of posts and names of accounts, or the refusal. Null for a transfer, whose receipt never changes.';

CREATE TABLE public.leases (
    name text NOT NULL,
    leased_until timestamp with time zone NOT NULL
);
COMMENT ON TABLE public.leases IS 'Named, time-limited leases: they let one process at a time run a job, such as the scheduled audit.';
COMMENT ON COLUMN public.leases.leased_until IS 'When the lease ends. After that any process may take it.';

CREATE TABLE public.posts (
    id bigint NOT NULL,
    author_id bigint NOT NULL,
    title text NOT NULL,
    content text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    search tsvector NOT NULL
);
COMMENT ON TABLE public.posts IS 'Posts of users. Readable without an API key.';
COMMENT ON COLUMN public.posts.version IS 'Number of the current version; the ETag over HTTP.';
COMMENT ON COLUMN public.posts.search IS 'Words of title and content, unstemmed, because their language is not known. A trigger fills it.';

ALTER TABLE public.posts ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.posts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.purchases (
    id bigint NOT NULL,
    buyer_id bigint NOT NULL,
    product_id bigint NOT NULL,
    quantity bigint NOT NULL,
    unit_price bigint NOT NULL,
    amount bigint NOT NULL,
    account_id bigint NOT NULL,
    payee_account_id bigint NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    reason text,
    transfer_id bigint,
    finished boolean DEFAULT false NOT NULL,
    leased_until timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    decided_at timestamp with time zone,
    reference text,
    metadata json,
    CONSTRAINT purchases_accounts_differ_check CHECK ((account_id <> payee_account_id)),
    CONSTRAINT purchases_amount_check CHECK (((amount >= 1) AND (amount <= '9007199254740991'::bigint))),
    CONSTRAINT purchases_decided_check CHECK (((status = 'pending'::text) = (decided_at IS NULL))),
    CONSTRAINT purchases_finished_check CHECK ((NOT (finished AND (status = 'pending'::text)))),
    CONSTRAINT purchases_metadata_check CHECK (((json_typeof(metadata) = 'object'::text) AND (octet_length((metadata)::text) <= 4096))),
    CONSTRAINT purchases_paid_check CHECK (((status = ANY (ARRAY['completed'::text, 'refunded'::text])) = (transfer_id IS NOT NULL))),
    CONSTRAINT purchases_quantity_check CHECK (((quantity >= 1) AND (quantity <= '9007199254740991'::bigint))),
    CONSTRAINT purchases_reason_check CHECK (((status = 'rejected'::text) = (reason IS NOT NULL))),
    CONSTRAINT purchases_reference_check CHECK (((length(reference) >= 1) AND (length(reference) <= 255))),
    CONSTRAINT purchases_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'completed'::text, 'rejected'::text, 'refunded'::text]))),
    CONSTRAINT purchases_total_check CHECK (((amount)::numeric = ((quantity)::numeric * (unit_price)::numeric))),
    CONSTRAINT purchases_unit_price_check CHECK (((unit_price >= 1) AND (unit_price <= '9007199254740991'::bigint)))
);
COMMENT ON TABLE public.purchases IS 'Purchases of products. The commit that pays or rejects a purchase in this table decides it.';
COMMENT ON COLUMN public.purchases.product_id IS 'products.id in the catalog.';
COMMENT ON COLUMN public.purchases.unit_price IS 'Price at the time of purchase, in minor units of the accounts'' currency.';
COMMENT ON COLUMN public.purchases.amount IS 'quantity times unit_price. accounts.held of account_id includes it while the purchase is pending.';
COMMENT ON COLUMN public.purchases.account_id IS 'Account of the buyer, which pays.';
COMMENT ON COLUMN public.purchases.payee_account_id IS 'Account that is paid: products.account_id at the time of purchase.';
COMMENT ON COLUMN public.purchases.status IS 'pending: its money is held; completed: it is paid, and perhaps refunded in part; rejected: its money is free again; refunded: all of it was paid back.';
COMMENT ON COLUMN public.purchases.reason IS 'Why the purchase was rejected: out_of_stock, account_frozen, …';
COMMENT ON COLUMN public.purchases.transfer_id IS 'Transfer that paid the purchase. Its refunds are the transfers that reverse it.';
COMMENT ON COLUMN public.purchases.finished IS 'True once the catalog has stored the decision. Until then a worker retries.';
COMMENT ON COLUMN public.purchases.leased_until IS 'When the lease of the worker that handles the purchase ends. After that any worker may lease it.';
COMMENT ON COLUMN public.purchases.decided_at IS 'When the purchase got its present status. Null while it is pending.';
COMMENT ON COLUMN public.purchases.reference IS 'The buyer''s own name for the purchase, not unique. Only the buyer and operators see it.';
COMMENT ON COLUMN public.purchases.metadata IS 'Strings by name, for the buyer and operators only.';

CREATE TABLE public.refunds (
    transfer_id bigint NOT NULL,
    purchase_id bigint NOT NULL,
    quantity bigint NOT NULL,
    finished boolean NOT NULL,
    leased_until timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    CONSTRAINT refunds_finished_check CHECK ((finished OR (quantity > 0))),
    CONSTRAINT refunds_quantity_check CHECK (((quantity >= 0) AND (quantity <= '9007199254740991'::bigint)))
);
COMMENT ON TABLE public.refunds IS 'Refunds of purchases. The money moves in the same commit; then the catalog takes the quantity back, once.';
COMMENT ON COLUMN public.refunds.transfer_id IS 'Transfer that paid the money back. The catalog knows the refund by this id.';
COMMENT ON COLUMN public.refunds.quantity IS 'Quantity that goes back to stock. 0 if the refund returns money alone.';
COMMENT ON COLUMN public.refunds.finished IS 'True once the catalog has taken the quantity back. Until then a worker retries.';
COMMENT ON COLUMN public.refunds.leased_until IS 'When the lease of the worker that handles the refund ends. After that any worker may lease it.';

CREATE VIEW public.purchase_details AS
 SELECT purchases.id,
    purchases.buyer_id,
    purchases.product_id,
    purchases.quantity,
    purchases.unit_price,
    purchases.amount,
    payer.currency,
    purchases.account_id,
    purchases.payee_account_id,
    payee.owner_id AS seller_id,
    purchases.status,
    purchases.reason,
    purchases.transfer_id,
    purchases.finished,
    purchases.created_at,
    purchases.reference,
    purchases.metadata,
    refund.amount AS refunded_amount,
    refund.quantity AS refunded_quantity,
    refund.finished AS returned,
    refund.released
   FROM (((public.purchases
     JOIN public.accounts payer ON ((payer.id = purchases.account_id)))
     JOIN public.accounts payee ON ((payee.id = purchases.payee_account_id)))
     LEFT JOIN LATERAL ( SELECT (COALESCE(sum(reversal.amount), (0)::numeric))::bigint AS amount,
            (COALESCE(sum(COALESCE(refunds.quantity, purchases.quantity)), (0)::numeric))::bigint AS quantity,
            COALESCE(bool_and(COALESCE(refunds.finished, true)), true) AS finished,
            COALESCE(bool_or((refunds.transfer_id IS NULL)), false) AS released
           FROM (public.transfers reversal
             LEFT JOIN public.refunds ON ((refunds.transfer_id = reversal.id)))
          WHERE (reversal.reverses_id = purchases.transfer_id)) refund ON (true));
COMMENT ON VIEW public.purchase_details IS 'Purchases with their currency and their seller: the present owner of the account that is paid.';
COMMENT ON COLUMN public.purchase_details.returned IS 'True if the catalog has taken back the quantity of every refund.';
COMMENT ON COLUMN public.purchase_details.released IS 'True if the release before refunded it: in full, by releasing its reservation.';

ALTER TABLE public.purchases ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.purchases_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE UNLOGGED TABLE public.request_counts (
    kind text NOT NULL,
    address text NOT NULL,
    count bigint NOT NULL,
    window_ends_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE public.request_counts IS 'Registrations and wrong API keys per client address, and payee checks per user, in the current minute. Unlogged: a crash resets the counters.';
COMMENT ON COLUMN public.request_counts.kind IS 'registration, wrong_key or payee.';
COMMENT ON COLUMN public.request_counts.address IS 'An IPv4 address, the /64 network of an IPv6 address, or "user" and the id of a user.';
COMMENT ON COLUMN public.request_counts.count IS 'Requests of this kind in the window.';
COMMENT ON COLUMN public.request_counts.window_ends_at IS 'When the counted minute ends. The next request after it starts a new window.';

CREATE TABLE public.schema_migrations (
    version bigint NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
COMMENT ON TABLE public.schema_migrations IS 'Migrations of sql/main/migrations that were applied to this database.';
COMMENT ON COLUMN public.schema_migrations.version IS 'The number that the file''s name starts with.';
COMMENT ON COLUMN public.schema_migrations.checksum IS 'SHA-256 of the file, hexadecimal. A file that changed since it was applied is refused.';
COMMENT ON COLUMN public.schema_migrations.applied_at IS 'When the migration was applied to this database.';

CREATE VIEW public.transfer_details AS
 SELECT transfers.id,
    transfers.from_account_id,
    transfers.to_account_id,
    payer.currency,
    transfers.amount,
    transfers.description,
    transfers.reverses_id,
    transfers.hold_id,
    transfers.created_at,
    payer.owner_id AS from_owner_id,
    debit.balance_after AS from_balance,
    debit.version AS from_version,
    payee.owner_id AS to_owner_id,
    credit.balance_after AS to_balance,
    credit.version AS to_version,
    transfers.created_by,
    transfers.reference,
    transfers.reference_by,
    transfers.metadata,
    (COALESCE(( SELECT sum(reversal.amount) AS sum
           FROM public.transfers reversal
          WHERE (reversal.reverses_id = transfers.id)), (0)::numeric))::bigint AS reversed_amount,
    ( SELECT purchases.id
           FROM public.purchases
          WHERE (purchases.transfer_id = COALESCE(transfers.reverses_id, transfers.id))) AS purchase_id
   FROM ((((public.transfers
     JOIN public.entries debit ON (((debit.transfer_id = transfers.id) AND (debit.account_id = transfers.from_account_id))))
     JOIN public.entries credit ON (((credit.transfer_id = transfers.id) AND (credit.account_id = transfers.to_account_id))))
     JOIN public.accounts payer ON ((payer.id = transfers.from_account_id)))
     JOIN public.accounts payee ON ((payee.id = transfers.to_account_id)));
COMMENT ON VIEW public.transfer_details IS 'Transfers with their currency, the balances after them, and the present owners of both accounts.';

ALTER TABLE public.transfers ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.transfers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.users (
    id bigint NOT NULL,
    username text NOT NULL,
    username_key text NOT NULL,
    email text,
    email_key text,
    role text DEFAULT 'member'::text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    off_sale boolean DEFAULT false NOT NULL,
    CONSTRAINT users_email_check CHECK (((email IS NULL) = (email_key IS NULL))),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['member'::text, 'operator'::text])))
);
COMMENT ON TABLE public.users IS 'Registered users. A row is never deleted, because the ledger refers to it.';
COMMENT ON COLUMN public.users.username IS 'As the user wrote it, in Unicode NFKC.';
COMMENT ON COLUMN public.users.username_key IS 'username folded for comparison (NFKC, case folded). Kept after deletion: a name is never given out again.';
COMMENT ON COLUMN public.users.email IS 'Null after deletion, and for an operator who was added without one.';
COMMENT ON COLUMN public.users.email_key IS 'email folded for comparison (NFKC, case folded).';
COMMENT ON COLUMN public.users.role IS 'member, or operator: may read everything and change other users'' resources.';
COMMENT ON COLUMN public.users.version IS 'Number of the current version; the ETag over HTTP.';
COMMENT ON COLUMN public.users.deleted_at IS 'When the user left: keys revoked, accounts closed, posts deleted, e-mail address erased.';
COMMENT ON COLUMN public.users.off_sale IS 'True once all products of a deleted user are archived in the catalog.';

ALTER TABLE public.users ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_passes
    ADD CONSTRAINT audit_passes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audits
    ADD CONSTRAINT audits_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (account_id, version);

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key);

ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.posts
    ADD CONSTRAINT posts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_transfer_id_key UNIQUE (transfer_id);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (transfer_id);

ALTER TABLE ONLY public.request_counts
    ADD CONSTRAINT request_counts_pkey PRIMARY KEY (kind, address);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email_key);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_username_key UNIQUE (username_key);

CREATE INDEX accounts_created_at_idx ON public.accounts USING btree (created_at, id);

CREATE INDEX accounts_owner_id_idx ON public.accounts USING btree (owner_id, created_at, id);

CREATE INDEX api_keys_user_id_idx ON public.api_keys USING btree (user_id, created_at, id) WHERE (revoked_at IS NULL);

CREATE INDEX audits_finished_at_idx ON public.audits USING btree (finished_at, id);

CREATE INDEX changes_account_id_idx ON public.changes USING btree (account_id, at, id) WHERE (account_id IS NOT NULL);

CREATE INDEX changes_at_idx ON public.changes USING btree (at, id);

CREATE INDEX changes_user_id_idx ON public.changes USING btree (user_id, at, id) WHERE (user_id IS NOT NULL);

CREATE INDEX entries_created_at_idx ON public.entries USING btree (account_id, created_at, version);

CREATE UNIQUE INDEX entries_transfer_id_key ON public.entries USING btree (transfer_id, account_id);

CREATE INDEX holds_active_idx ON public.holds USING btree (from_account_id, expires_at) WHERE (status = 'active'::text);

CREATE INDEX holds_created_at_idx ON public.holds USING btree (created_at, id);

CREATE INDEX holds_expires_at_idx ON public.holds USING btree (expires_at) WHERE (status = 'active'::text);

CREATE INDEX holds_from_account_id_idx ON public.holds USING btree (from_account_id, created_at, id);

CREATE INDEX holds_to_account_id_idx ON public.holds USING btree (to_account_id, created_at, id);

CREATE INDEX idempotency_keys_created_at_idx ON public.idempotency_keys USING brin (created_at) WITH (autosummarize='on');

CREATE INDEX posts_author_id_idx ON public.posts USING btree (author_id, created_at, id);

CREATE INDEX posts_created_at_idx ON public.posts USING btree (created_at, id);

CREATE INDEX posts_search_idx ON public.posts USING gin (search);

CREATE INDEX purchases_buyer_id_idx ON public.purchases USING btree (buyer_id, created_at, id);

CREATE INDEX purchases_created_at_idx ON public.purchases USING btree (created_at, id);

CREATE INDEX purchases_payee_account_id_idx ON public.purchases USING btree (payee_account_id, created_at, id);

CREATE INDEX purchases_product_id_idx ON public.purchases USING btree (buyer_id, product_id);

CREATE INDEX purchases_product_idx ON public.purchases USING btree (product_id);

CREATE INDEX purchases_reference_by_idx ON public.purchases USING btree (buyer_id, reference, created_at, id) WHERE (reference IS NOT NULL);

CREATE INDEX purchases_reference_idx ON public.purchases USING btree (reference, created_at, id) WHERE (reference IS NOT NULL);

CREATE INDEX purchases_unfinished_idx ON public.purchases USING btree (leased_until) WHERE (NOT finished);

CREATE INDEX refunds_purchase_id_idx ON public.refunds USING btree (purchase_id) WHERE (NOT finished);

CREATE INDEX refunds_unfinished_idx ON public.refunds USING btree (leased_until) WHERE (NOT finished);

CREATE INDEX request_counts_window_ends_at_idx ON public.request_counts USING btree (window_ends_at);

CREATE INDEX transfers_created_at_idx ON public.transfers USING btree (created_at, id);

CREATE UNIQUE INDEX transfers_hold_id_key ON public.transfers USING btree (hold_id) WHERE (hold_id IS NOT NULL);

CREATE INDEX transfers_reference_by_idx ON public.transfers USING btree (reference_by, reference, created_at, id) WHERE (reference IS NOT NULL);

CREATE INDEX transfers_reference_idx ON public.transfers USING btree (reference, created_at, id) WHERE (reference IS NOT NULL);

CREATE INDEX transfers_reverses_id_idx ON public.transfers USING btree (reverses_id) WHERE (reverses_id IS NOT NULL);

CREATE INDEX users_created_at_idx ON public.users USING btree (created_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX users_left_idx ON public.users USING btree (deleted_at) WHERE ((deleted_at IS NOT NULL) AND (NOT off_sale));

CREATE TRIGGER accounts_record_change AFTER UPDATE OF owner_id, minimum, status ON public.accounts FOR EACH ROW WHEN (((old.owner_id <> new.owner_id) OR (old.minimum IS DISTINCT FROM new.minimum) OR (old.status <> new.status))) EXECUTE FUNCTION public.record_account_change();

CREATE TRIGGER accounts_record_opening AFTER INSERT ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.record_account_change();

CREATE TRIGGER changes_append_only BEFORE DELETE OR UPDATE ON public.changes FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.changes ENABLE ALWAYS TRIGGER changes_append_only;

CREATE TRIGGER changes_append_only_row BEFORE DELETE OR UPDATE ON public.changes FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.changes ENABLE ALWAYS TRIGGER changes_append_only_row;

CREATE TRIGGER changes_no_truncate BEFORE TRUNCATE ON public.changes FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.changes ENABLE ALWAYS TRIGGER changes_no_truncate;

CREATE TRIGGER entries_append_only BEFORE DELETE OR UPDATE ON public.entries FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.entries ENABLE ALWAYS TRIGGER entries_append_only;

CREATE TRIGGER entries_append_only_row BEFORE DELETE OR UPDATE ON public.entries FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.entries ENABLE ALWAYS TRIGGER entries_append_only_row;

CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON public.entries FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.entries ENABLE ALWAYS TRIGGER entries_no_truncate;

CREATE TRIGGER posts_search BEFORE INSERT OR UPDATE OF title, content ON public.posts FOR EACH ROW EXECUTE FUNCTION public.posts_search();

CREATE TRIGGER transfers_append_only BEFORE DELETE OR UPDATE ON public.transfers FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.transfers ENABLE ALWAYS TRIGGER transfers_append_only;

CREATE TRIGGER transfers_append_only_row BEFORE DELETE OR UPDATE ON public.transfers FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.transfers ENABLE ALWAYS TRIGGER transfers_append_only_row;

CREATE TRIGGER transfers_no_truncate BEFORE TRUNCATE ON public.transfers FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.transfers ENABLE ALWAYS TRIGGER transfers_no_truncate;

CREATE TRIGGER transfers_reversed_check BEFORE INSERT ON public.transfers FOR EACH ROW WHEN ((new.reverses_id IS NOT NULL)) EXECUTE FUNCTION public.refuse_excess();

CREATE TRIGGER users_record_change AFTER UPDATE OF role ON public.users FOR EACH ROW WHEN ((old.role <> new.role)) EXECUTE FUNCTION public.record_role_change();

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_issued_by_fkey FOREIGN KEY (issued_by) REFERENCES public.users(id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id);

ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES public.api_keys(id);

ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_changed_by_fkey FOREIGN KEY (changed_by) REFERENCES public.users(id);

ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id);

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_transfer_id_fkey FOREIGN KEY (transfer_id) REFERENCES public.transfers(id);

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(id);

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_from_account_id_fkey FOREIGN KEY (from_account_id) REFERENCES public.accounts(id);

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_to_account_id_fkey FOREIGN KEY (to_account_id) REFERENCES public.accounts(id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.posts
    ADD CONSTRAINT posts_author_id_fkey FOREIGN KEY (author_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id);

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_buyer_id_fkey FOREIGN KEY (buyer_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_payee_account_id_fkey FOREIGN KEY (payee_account_id) REFERENCES public.accounts(id);

ALTER TABLE ONLY public.purchases
    ADD CONSTRAINT purchases_transfer_id_fkey FOREIGN KEY (transfer_id) REFERENCES public.transfers(id);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_purchase_id_fkey FOREIGN KEY (purchase_id) REFERENCES public.purchases(id);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_transfer_id_fkey FOREIGN KEY (transfer_id) REFERENCES public.transfers(id);

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(id);

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_from_account_id_fkey FOREIGN KEY (from_account_id) REFERENCES public.accounts(id);

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.holds(id);

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_reference_by_fkey FOREIGN KEY (reference_by) REFERENCES public.users(id);

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_reverses_id_fkey FOREIGN KEY (reverses_id) REFERENCES public.transfers(id);

ALTER TABLE ONLY public.transfers
    ADD CONSTRAINT transfers_to_account_id_fkey FOREIGN KEY (to_account_id) REFERENCES public.accounts(id);
