-- Stored programs that are hard to carry: comments, delimiters, quotes, modes, zones, character sets, states.
CREATE TABLE t (a INT, b VARCHAR(50)); CREATE SEQUENCE numbers START WITH 7;
INSERT INTO t VALUES (1, 'one'), (2, 'two');
SET time_zone = '+03:00'; SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES';
CREATE EVENT "odd ""name"" 'é\漢 `%/" ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2031-05-06 07:08:09' ENDS '2037-01-01 00:00:00' ON COMPLETION PRESERVE COMMENT 'it''s a comment; 漢' DO INSERT INTO "t" VALUES (1, 'back\slash');
SET sql_mode = DEFAULT; SET time_zone = DEFAULT;
CREATE EVENT `-dash` ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1;
CREATE EVENT elsewhere ON SCHEDULE EVERY 1 WEEK STARTS '2030-01-01' DISABLE ON SLAVE DO DO 0;
CREATE EVENT once ON SCHEDULE AT '2035-01-01 00:00:00' DO DO 1;
SET character_set_client = latin2, collation_connection = latin2_czech_cs;
CREATE EVENT bytes ON SCHEDULE EVERY 1 DAY DO INSERT INTO t VALUES (2, 'é ż \\ \'');
SET NAMES utf8mb4;
DELIMITER //
CREATE EVENT several ON SCHEDULE EVERY 2 HOUR DO BEGIN
  -- it's a comment; with ;; and "quotes"
  /* another, `over`
	two lines */
  DECLARE x VARCHAR(20) DEFAULT 'tab	; é漢😀 "';
  # DELIMITER of an older kind
  INSERT INTO t VALUES (3, x);
  SELECT "*/ -- no comment", 'delimiter $$', '\0\Z\n\r\t\\';
END -- the end;;
//
CREATE TRIGGER second BEFORE INSERT ON t FOR EACH ROW BEGIN /* in; a trigger */ SET NEW.b = CONCAT(NEW.b, '2'); END//
CREATE TRIGGER first BEFORE INSERT ON t FOR EACH ROW PRECEDES second SET NEW.b = CONCAT(NEW.b, '1') -- so it is
//
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC BEGIN DECLARE m TYPE OF t.a; /* a
 comment */ SET m = n; RETURN 2 * m; -- twice
END//
CREATE PROCEDURE `odd ``p`` '"/\%漢`(IN x INT) SELECT x//
CREATE PROCEDURE plain(IN x INT) COMMENT 'it''s; plain' SQL SECURITY INVOKER BEGIN # one
  SELECT x; /* two;; */ SELECT "three ''";
END//
SET sql_mode = ORACLE//
CREATE PACKAGE pack AS -- of Oracle's kind
  FUNCTION f RETURN INT DETERMINISTIC; END//
CREATE PACKAGE BODY pack AS FUNCTION f RETURN INT DETERMINISTIC AS BEGIN RETURN 7; /* lucky */ END; END//
SET sql_mode = DEFAULT//
DELIMITER ;
CREATE VIEW doubled AS SELECT twice(a) AS d, b FROM t; CREATE VIEW again AS SELECT * FROM doubled;
