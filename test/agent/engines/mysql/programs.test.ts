import { describe, expect, it } from 'vitest'
import { breaksDumpTool } from '../../../../agent/engines/mysql/name.ts'
import { readShown, renderScript, type ShownProgram } from '../../../../agent/engines/mysql/programs.ts'

const event: ShownProgram = {
  sqlMode: 'ANSI_QUOTES',
  timeZone: '+03:00',
  statement: 'CREATE EVENT e DO SELECT 1',
  characterSetClient: 'latin2',
  collationConnection: 'latin2_czech_cs',
  databaseCollation: 'utf8mb4_general_ci',
}

describe('names that the dump tools stumble over', () => {
  it.each(['"', "'", '\\', '\n', '\r', '\x1a'])('hold %j', character => {
    expect(breaksDumpTool(`a${character}b`)).toBe(true)
  })
  it.each(['`', '%', '/', '-', '\t', '\x01', '漢', '.', ';', ' ', '\u2028'])('do not hold %j', character => {
    expect(breaksDumpTool(`a${character}b`)).toBe(false)
  })
})

describe('a line of SHOW CREATE', () => {
  it('has a time zone for events only, and every escape of the client is undone once', () => {
    const statement = 'CREATE EVENT `e` DO SELECT "\\\\n\\n\\t\\0 \\\\\\\\"'
    const rest = `${statement}\tlatin2\tlatin2_czech_cs\tutf8mb4_bin`
    const read = {
      sqlMode: 'MODE',
      statement: 'CREATE EVENT `e` DO SELECT "\\n\n\t\0 \\\\"',
      characterSetClient: 'latin2',
      collationConnection: 'latin2_czech_cs',
      databaseCollation: 'utf8mb4_bin',
    }
    expect(readShown('EVENT', `e\tMODE\tSYSTEM\t${rest}`)).toEqual({ ...read, timeZone: 'SYSTEM' })
    expect(readShown('TRIGGER', `e\tMODE\t${rest}\t2026-01-01`)).toEqual(read)
  })
})

describe('a script of programs', () => {
  it('sets each in its own surroundings, names no database, and ends with the footer', () => {
    const script = renderScript([event], 'utf8mb4_general_ci')
    expect(script).not.toContain('ALTER DATABASE')
    expect(script).toContain("SET sql_mode = 'ANSI_QUOTES', time_zone = '+03:00';")
    expect(script).toContain('SET character_set_client = latin2')
    expect(script).toContain('DELIMITER ;;\nCREATE EVENT e DO SELECT 1\n;;\nDELIMITER ;\n')
    expect(script.trimEnd().split('\n').at(-1)).toBe('-- Dump completed')
  })

  it('takes a delimiter that the statement does not hold', () => {
    const script = renderScript([{ ...event, statement: 'CREATE EVENT e DO SELECT ";; ;;;"' }], 'x')
    expect(script).toContain('DELIMITER ;;;;\n')
  })

  it('gives the collation of the database back after a program that was made under another', () => {
    const altered = renderScript([{ ...event, databaseCollation: 'latin1_bin' }, event], 'utf8mb4_general_ci')
    expect(altered.match(/ALTER DATABASE .*/g)).toEqual([
      'ALTER DATABASE COLLATE = latin1_bin;',
      'ALTER DATABASE COLLATE = utf8mb4_general_ci;',
    ])
    const last = renderScript([{ ...event, databaseCollation: 'latin1_bin' }], 'utf8mb4_bin')
    expect(last.match(/ALTER DATABASE .*/g)).toEqual([
      'ALTER DATABASE COLLATE = latin1_bin;',
      'ALTER DATABASE COLLATE = utf8mb4_bin;',
    ])
  })

  it('passes on no word that is none', () => {
    expect(() => renderScript([{ ...event, characterSetClient: 'x; DROP' }], 'x')).toThrow(
      'odd character set',
    )
    expect(() => renderScript([{ ...event, sqlMode: "a\\'" }], 'x')).toThrow('odd mode')
  })
})
