import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { type Acceptor, acceptConnections } from '../../../coordinator/rpc/acceptor.ts'

const open: { close(): void }[] = []

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

async function accepting(port = 0, host = '127.0.0.1'): Promise<Acceptor & { readonly taken: Socket[] }> {
  const taken: Socket[] = []
  const acceptor = await acceptConnections({
    host,
    port,
    onConnection: socket => {
      socket.on('error', () => undefined)
      taken.push(socket)
    },
    onError: () => undefined,
  })
  open.push(acceptor, {
    close: () => {
      for (const socket of taken) socket.destroy()
    },
  })
  return { ...acceptor, taken }
}

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  open.push({ close: () => socket.destroy() })
  return socket
}

test.runIf(process.platform === 'linux')(
  'many that dial at once are accepted several in a turn of the loop',
  async () => {
    const { port, taken } = await accepting()
    const sockets = Array.from({ length: 128 }, () => dial(port))
    let turns = 0
    while (taken.length < sockets.length && turns < 10_000) {
      turns++
      await turn()
    }
    expect(taken).toHaveLength(128)
    // one in a turn would be 128
    expect(turns).toBeLessThan(100)
  },
)

test('a port that somebody listens on is refused, whether he shares ports or not', async () => {
  const { port } = await accepting()
  await expect(accepting(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  const other = createServer().listen(0, '127.0.0.1')
  open.push(other)
  await once(other, 'listening')
  const address = other.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  await expect(accepting(address.port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
})

test('closed, it accepts no more, leaves what stands, and the port is free', async () => {
  const { port, taken, close } = await accepting()
  const standing = dial(port)
  await once(standing, 'connect')
  await expect.poll(() => taken.length).toBe(1)
  close()
  const late = connect(port, '127.0.0.1')
  const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNREFUSED')
  taken[0]?.write('still here')
  const [said] = (await once(standing, 'data')) as [Buffer]
  expect(said.toString()).toBe('still here')
  expect((await accepting(port)).port).toBe(port)
})

test('a name is listened on at all its addresses', async () => {
  const { port, taken } = await accepting(0, 'localhost')
  await once(dial(port), 'connect')
  await expect.poll(() => taken.length).toBe(1)
})

test('a host that is not here is refused', async () => {
  await expect(accepting(0, '192.0.2.1')).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
})
