-- A library's lending desk: some 60 MB of InnoDB rows at scale 1, made by the server itself from its sequence tables.
-- Run inside the database that it should fill, with @scale set before; the same scale always gives the same rows.
SET NAMES utf8mb4;
SET time_zone = '+00:00';
SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';
-- unique_checks stay on: with both off, MariaDB 10.11 answered a bulk insert that breaks a key with success and no rows
SET @readers = GREATEST(1, ROUND(20000 * @scale)), @books = GREATEST(1, ROUND(12000 * @scale)),
    @loans = GREATEST(1, ROUND(200000 * @scale)), @covers = GREATEST(1, ROUND(300 * @scale));

CREATE TABLE books (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  isbn CHAR(13) CHARACTER SET ascii NOT NULL UNIQUE,
  title VARCHAR(200) NOT NULL,
  kind ENUM('novel', 'Lexikon', 'poésie', '漫画') NOT NULL,
  shelves SET('A', 'B', 'Ü') NOT NULL,
  price DECIMAL(10, 2),
  weight DOUBLE,
  meta LONGTEXT CHECK (JSON_VALID(meta)),
  blurb TEXT,
  gross DECIMAL(12, 4) GENERATED ALWAYS AS (price * 1.07) STORED,
  KEY (title(40)),
  FULLTEXT KEY blurb_words (blurb)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci COMMENT = 'alle Bücher; "all" it''s';
INSERT INTO books (id, isbn, title, kind, shelves, price, weight, meta, blurb)
  SELECT seq, CONCAT('978', LPAD(seq, 10, '0')), CONCAT(ELT(1 + seq % 5, 'Der Zauberberg', 'Les Misérables', '雪国', 'Война и мир', 'Emoji 😀📚'), ' ', seq),
    1 + seq % 4, 1 + seq % 7, IF(seq % 13 = 0, NULL, (seq * 7919 % 9000) / 100), SQRT(seq),
    JSON_OBJECT('pages', seq % 900, 'tags', JSON_ARRAY('ü', NULL, CONCAT('t', seq % 10)), 'quote', 'a "b" \\ c'),
    CONCAT(REPEAT(CONCAT(MD5(seq), ' '), 8 + seq % 24), 'Ende\t\n''quoted''')
  FROM seq_1_to_100000000 WHERE seq <= @books;

CREATE TABLE readers (
  id INT UNSIGNED NOT NULL PRIMARY KEY,
  name VARCHAR(80) NOT NULL,
  `e-mail` VARCHAR(120),
  born DATE,
  active BIT(1) NOT NULL,
  token VARBINARY(32) NOT NULL,
  changed TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
INSERT INTO readers
  SELECT seq, CONCAT(ELT(1 + seq % 4, 'Zoë', 'Łukasz', '李', 'O''Brien'), ' ', MD5(seq)), IF(seq % 9 = 0, NULL, CONCAT(MD5(seq), '@exämple.org')),
    DATE_ADD('1930-01-01', INTERVAL seq * 3 % 28000 DAY), seq % 2, UNHEX(SHA2(seq, 256)), TIMESTAMPADD(MICROSECOND, seq * 1000003, '2026-01-01 00:00:00')
  FROM seq_1_to_100000000 WHERE seq <= @readers;

CREATE TABLE loans (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  reader INT UNSIGNED NOT NULL,
  book INT UNSIGNED NOT NULL,
  lent DATETIME(3) NOT NULL,
  back DATETIME(3),
  remark VARCHAR(200),
  PRIMARY KEY (id),
  KEY (lent),
  CONSTRAINT loans_reader FOREIGN KEY (reader) REFERENCES readers (id) ON DELETE CASCADE,
  CONSTRAINT loans_book FOREIGN KEY (book) REFERENCES books (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
INSERT INTO loans
  SELECT seq, 1 + seq * 7919 % @readers, 1 + seq * 104729 % @books, TIMESTAMPADD(SECOND, seq * 127, '2025-01-01 00:00:00.125'),
    IF(seq % 6 = 0, NULL, TIMESTAMPADD(SECOND, seq * 127 + 864000, '2025-01-01 00:00:00.5')), IF(seq % 3 = 0, CONCAT('verlängert — ', MD5(seq)), NULL)
  FROM seq_1_to_100000000 WHERE seq <= @loans;

CREATE TABLE covers (
  book INT UNSIGNED NOT NULL PRIMARY KEY,
  image MEDIUMBLOB NOT NULL,
  CONSTRAINT covers_book FOREIGN KEY (book) REFERENCES books (id)
) ENGINE = InnoDB;
-- 48 kB each that no compressor makes smaller, with every byte value in it
INSERT INTO covers
  SELECT b.seq, (SELECT GROUP_CONCAT(UNHEX(SHA2(CONCAT(b.seq, ':', s.seq), 512)) ORDER BY s.seq SEPARATOR '') FROM seq_1_to_768 s)
  FROM seq_1_to_100000000 b WHERE b.seq <= @covers;

CREATE TABLE `Rückgabe-Protokoll ``x``` (
  `Zeit` DATETIME NOT NULL,
  `was` VARCHAR(100) NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
CREATE TABLE empty_one (id INT PRIMARY KEY) ENGINE = InnoDB;

CREATE VIEW overdue AS SELECT l.id, r.name, b.title FROM loans l JOIN readers r ON r.id = l.reader JOIN books b ON b.id = l.book WHERE l.back IS NULL;
CREATE FUNCTION fine(days INT) RETURNS DECIMAL(10, 2) DETERMINISTIC RETURN GREATEST(0, days - 14) * 0.5;

DELIMITER ;;
CREATE TRIGGER loans_returned AFTER UPDATE ON loans FOR EACH ROW
BEGIN
  IF NEW.back IS NOT NULL AND OLD.back IS NULL THEN
    INSERT INTO `Rückgabe-Protokoll ``x``` VALUES (NEW.back, CONCAT('zurück: ', NEW.id, '; "', NEW.reader, '"'));
  END IF;
END ;;
CREATE PROCEDURE give_back(IN loan BIGINT UNSIGNED)
BEGIN
  UPDATE loans SET back = TIMESTAMPADD(DAY, 14, lent) WHERE id = loan AND back IS NULL;
END ;;
CREATE EVENT forget_old ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO
BEGIN
  DELETE FROM `Rückgabe-Protokoll ``x``` WHERE `Zeit` < NOW() - INTERVAL 10 YEAR;
END ;;
DELIMITER ;

CALL give_back(6);
CALL give_back(12);
