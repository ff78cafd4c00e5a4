import { describe, expect, it } from 'vitest'
import { DumpHead } from '../../../../agent/engines/mysql/dump-head.ts'
import type { MysqlSession } from '../../../../agent/engines/mysql/session.ts'
import { searchSnapshot, sessionsFor } from '../../../../agent/engines/mysql/snapshot.ts'

const never = new AbortController().signal
const header = '-- MariaDB dump\n--\n-- Host: h    Database: d\n/*!40101 SET NAMES utf8mb4 */;\n'
const at = (position: string) =>
  `-- CHANGE MASTER TO MASTER_LOG_FILE='log.000001', MASTER_LOG_POS=${position};\n`
const table = '\n--\n-- Table structure for table `t`\n--\n'

/** Sessions of a server that is no more than a counter of its commits and logins. */
function serverOf() {
  const now = { commits: 100, logins: 1 }
  const taken: string[] = []
  const session = (name: string): MysqlSession => {
    let snapshot = 0
    return {
      client: { name: 'mariadb', path: '/mariadb', version: '' },
      async run(sql) {
        if (sql.includes('START TRANSACTION')) {
          snapshot = now.commits
          taken.push(name)
        }
        if (sql.includes('binlog_snapshot'))
          return [`Binlog_snapshot_file\tlog.000001`, `Binlog_snapshot_position\t${snapshot}`]
        if (sql.includes('Connections')) return [`Connections\t${now.logins}`]
        return sql === 'counter' ? [`counter\t${now.commits}`] : []
      },
      rows: async () => [],
      close: async () => undefined,
    }
  }
  return { now, taken, session }
}

describe('the head of a dump', () => {
  it('tells the position however its bytes are cut, and nothing of what comes later', () => {
    for (let cut = 0; cut < header.length + 60; cut += 7) {
      const head = new DumpHead()
      const text = Buffer.from(header + at('4711') + table)
      head.take(text.subarray(0, cut))
      expect(head.begun).toBe(false)
      head.take(text.subarray(cut))
      expect(head.begun).toBe(true)
      head.take(Buffer.from(at('1')))
      expect(head.position).toBe('log.000001:4711')
    }
  })

  it('is not the head of a dump that has begun before the tool speaks of what it dumps', () => {
    const head = new DumpHead()
    head.take(Buffer.from(header))
    expect(head.begun).toBe(false)
    head.end()
    expect(head).toMatchObject({ begun: true, position: undefined })
  })
})

describe('a snapshot by position', () => {
  const proof = { kind: 'position' } as const
  const prepared = async () => {
    const server = serverOf()
    const sessions = Array.from({ length: sessionsFor(proof) }, (_, index) => server.session(`s${index}`))
    return { server, sessions, search: await searchSnapshot(proof, sessions), head: new DumpHead() }
  }

  it('is the one whose position the tool tells, though others committed since', async () => {
    const { server, search, head } = await prepared()
    const found = search.found(head, never)
    // the tool's own snapshot is of 100; then somebody commits, and ours are taken on and on
    server.now.commits = 101
    const before = server.taken.length
    await expect.poll(() => server.taken.length).toBeGreaterThan(before + 4)
    head.take(Buffer.from(header + at('100') + table))
    expect(await found).toHaveProperty('session')
  })

  it('is none where the tool tells a position that none has, or none at all', async () => {
    for (const [text, why] of [
      [header + at('99') + table, /others changed too much/],
      [header + table, /does not tell the position/],
    ] as const) {
      const { search, head } = await prepared()
      const found = search.found(head, never)
      head.take(Buffer.from(text))
      expect(await found).toEqual({ why: expect.stringMatching(why) })
    }
  })
})

describe('a snapshot by stillness', () => {
  const proof = { kind: 'stillness', counter: 'counter' } as const
  const prepared = async () => {
    const server = serverOf()
    const session = server.session('s')
    return { server, session, search: await searchSnapshot(proof, [session]), head: new DumpHead() }
  }
  const begun = Buffer.from(header + table)

  it('is ours where nothing moved', async () => {
    const { session, search, head } = await prepared()
    const found = search.found(head, never)
    head.take(begun)
    expect(await found).toEqual({ session })
  })

  it('is taken anew as long as nobody has logged in', async () => {
    const { server, session, search, head } = await prepared()
    const found = search.found(head, never)
    server.now.commits++
    await expect.poll(() => server.taken.length).toBe(2)
    head.take(begun)
    expect(await found).toEqual({ session })
  })

  it('is none where somebody commits and the tool may have begun before', async () => {
    const { server, search, head } = await prepared()
    const found = search.found(head, never)
    server.now.logins++
    server.now.commits++
    expect(await found).toEqual({ why: expect.stringContaining('others changed too much') })
  })

  it('is none where somebody commits after the last look', async () => {
    const { server, search, head } = await prepared()
    const found = search.found(head, never)
    head.take(begun)
    server.now.commits++
    expect(await found).toEqual({ why: expect.stringContaining('others changed too much') })
  })

  it('is given up with the signal', async () => {
    const { search, head } = await prepared()
    const stop = new AbortController()
    const found = search.found(head, stop.signal)
    stop.abort(new Error('stopped'))
    await expect(found).rejects.toBeDefined()
  })
})
