SET NAMES utf8mb4;
CREATE TABLE customer (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(200) CHARACTER SET utf8mb4 NOT NULL, mood ENUM('sad','ok','happy'), doubled INT AS (CHAR_LENGTH(name) * 2) STORED, blob_ LONGBLOB, bits BIT(9), at TIMESTAMP(6) NOT NULL DEFAULT '2026-03-29 01:30:00.123456', doc JSON, hidden INT INVISIBLE DEFAULT 7) COMMENT 'it''s \\ hard' AUTO_INCREMENT=1000;
CREATE TABLE `odd ``name``/%é 漢` (`col ``x``` TEXT, v DOUBLE) CHARACTER SET latin1;
CREATE TABLE parent (id INT PRIMARY KEY, other INT); CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id)); ALTER TABLE parent ADD FOREIGN KEY (other) REFERENCES child (id);
CREATE TABLE parted (id INT, y INT) PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
CREATE TABLE log (what TEXT CHARACTER SET utf8mb4); CREATE TABLE old (a INT) ENGINE=MyISAM;
CREATE TABLE versioned (a INT, b TEXT) WITH SYSTEM VERSIONING; INSERT INTO versioned VALUES (1, 'first'); UPDATE versioned SET b = 'second';
CREATE SEQUENCE tickets START WITH 100; DO NEXTVAL(tickets);
CREATE VIEW totals AS SELECT mood, COUNT(*) AS n FROM customer GROUP BY mood; CREATE VIEW before_totals AS SELECT * FROM totals;
DELIMITER //
CREATE TRIGGER note AFTER INSERT ON customer FOR EACH ROW BEGIN INSERT INTO log VALUES (NEW.name); END//
CREATE PROCEDURE greet(IN who TEXT) BEGIN SELECT CONCAT('hello; ', who, "\r\n", '//'); END//
CREATE FUNCTION plus_one(n INT) RETURNS INT DETERMINISTIC RETURN n + 1//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO INSERT INTO log VALUES ('night')//
DELIMITER ;
INSERT INTO customer (name, mood, blob_, bits, doc, hidden) SELECT CONCAT('customer ', seq, ' é漢😀\t\n\r\\''"', CHAR(26)), ELT(1 + seq % 3, 'sad', 'ok', 'happy'), UNHEX(CONCAT(HEX(seq), '0000FF5C270A0D1A')), seq, JSON_OBJECT('n', seq), seq FROM seq_1_to_500;
INSERT INTO customer (id, name) VALUES (5000, 'null everywhere');
INSERT INTO `odd ``name``/%é 漢` VALUES ('ünï', 0.1), (NULL, 1e308); INSERT INTO parent VALUES (1, NULL); INSERT INTO child VALUES (1, 1); UPDATE parent SET other = 1; INSERT INTO parted SELECT seq, seq % 20 FROM seq_1_to_100; INSERT INTO old VALUES (1), (2);
