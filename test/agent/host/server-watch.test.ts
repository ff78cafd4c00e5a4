import { createServer, type Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type ListeningSocket, listeningOf } from '../../../agent/host/listening.ts'
import { type ServerSenses, ServerWatch } from '../../../agent/host/server-watch.ts'
import { speaks } from '../../../agent/host/speaks.ts'
import { systemClock } from '../../../shared/clock/index.ts'

describe('listening sockets', () => {
  const line = (local: string, state: string, inode: number) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000   999        0 ${inode} 1 0000000000000000 100 0 0 10 0`

  test('are those in the state LISTEN, with their addresses as people write them', () => {
    const header =
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
    const text = [
      header,
      line('0100007F:1538', '0A', 11),
      line('0100007F:1538', '01', 12),
      line('00000000000000000000000000000000:0CEA', '0A', 13),
      line('00000000000000000000000001000000:0CEA', '0A', 14),
      line('0000000000000000FFFF00000A00000A:6989', '0A', 15),
      line('B80D01200000000000000000010000FF:1538', '0A', 16),
      '',
    ].join('\n')
    expect(listeningOf(text)).toEqual([
      { address: '127.0.0.1', port: 5432, inode: '11' },
      { address: '::', port: 3306, inode: '13' },
      { address: '::1', port: 3306, inode: '14' },
      { address: '10.0.0.10', port: 27017, inode: '15' },
      { address: '2001:db8::ff00:1', port: 5432, inode: '16' },
    ])
    expect(listeningOf('')).toEqual([])
  })
})

describe('the servers of a host', () => {
  const socket = (port: number, address = '127.0.0.1'): ListeningSocket => ({
    address,
    port,
    inode: String(port),
  })
  function watching(
    sockets: readonly ListeningSocket[],
    senses: Partial<ServerSenses> = {},
    exclude: readonly number[] = [],
  ) {
    const asked: number[] = []
    const watch = new ServerWatch({
      clock: systemClock,
      ports: [3306, 5432],
      exclude,
      senses: {
        listening: async () => sockets,
        ownersOf: async () => new Map(),
        speaks: async (_, port) => {
          asked.push(port)
          return port === 5432 ? 'postgres' : undefined
        },
        ...senses,
      },
    })
    return { watch, asked }
  }

  test('are told by program, one with several sockets once; what else listens is none', async () => {
    const { watch, asked } = watching([socket(5444), socket(5444, '::1'), socket(33060), socket(80)], {
      ownersOf: async () =>
        new Map([
          ['5444', { pid: 1, program: 'postgres' }],
          ['33060', { pid: 2, program: 'mysqld' }],
          ['80', { pid: 3, program: 'nginx' }],
        ]),
    })
    await watch.look()
    expect(watch.latest).toEqual([
      {
        program: 'postgres',
        sockets: [
          { address: '127.0.0.1', port: 5444 },
          { address: '::1', port: 5444 },
        ],
      },
      { program: 'mysqld', sockets: [{ address: '127.0.0.1', port: 33060 }] },
    ])
    expect(asked).toEqual([])
  })

  test('are asked what they speak where their program may not be seen: on known ports, once each', async () => {
    const { watch, asked } = watching([socket(5432), socket(3306), socket(5444)])
    await watch.look()
    await watch.look()
    expect(watch.latest).toEqual([{ program: 'postgres', sockets: [{ address: '127.0.0.1', port: 5432 }] }])
    expect(asked).toEqual([5432, 3306])
  })

  test('a program that is no database is not asked, whatever its port; an excluded port is never told of', async () => {
    const owners = new Map([['5432', { pid: 1, program: 'pgbouncer' }]])
    const bouncer = watching([socket(5432)], { ownersOf: async () => owners })
    await bouncer.watch.look()
    expect([bouncer.watch.latest, bouncer.asked]).toEqual([[], []])
    const excluded = watching([socket(5432)], {}, [5432])
    await excluded.watch.look()
    expect([excluded.watch.latest, excluded.asked]).toEqual([[], []])
  })
})

describe('what a server speaks', () => {
  async function answering(talk: (server: Server) => void) {
    const server = createServer()
    talk(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    return { port, [Symbol.asyncDispose]: () => new Promise<void>(done => server.close(() => done())) }
  }
  const greeting = (version: string) =>
    Buffer.concat([Buffer.from([60, 0, 0, 0, 10]), Buffer.from(`${version}\0`), Buffer.alloc(30)])

  test.each([
    ['mysqld', '8.4.3'],
    ['mariadbd', '5.5.5-10.11.6-MariaDB-0+deb12u1'],
  ])('is %s by its greeting', async (program, version) => {
    await using server = await answering(each => each.on('connection', peer => peer.end(greeting(version))))
    expect(await speaks('0.0.0.0', server.port)).toBe(program)
  })

  test('is nothing of ours where it greets otherwise, answers in pages, or is not there', async () => {
    await using ssh = await answering(each =>
      each.on('connection', peer => peer.end('SSH-2.0-OpenSSH_9.2\r\n')),
    )
    expect(await speaks('127.0.0.1', ssh.port)).toBeUndefined()
    await using web = await answering(each =>
      each.on('connection', peer => peer.once('data', () => peer.end('HTTP/1.1 400 Bad Request\r\n\r\n'))),
    )
    expect(await speaks('127.0.0.1', web.port)).toBeUndefined()
    expect(await speaks('127.0.0.1', 1)).toBeUndefined()
  })
})
