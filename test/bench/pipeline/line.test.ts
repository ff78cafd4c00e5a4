import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { expect, test } from 'vitest'
import { lineServer } from '../../../bench/pipeline/line/line-server.ts'

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('a line carries every byte both ways, more than it takes ahead of time, and the end of each direction', async () => {
  const echo = createServer({ allowHalfOpen: true }, socket => socket.pipe(socket))
  const line = lineServer(await listening(echo), { roundTripMs: 4, bytesPerSecond: 500e6 })
  const client = connect({ host: '127.0.0.1', port: await listening(line), allowHalfOpen: true })
  const sent = randomBytes(8 << 20)
  client.end(sent)
  const hash = createHash('sha256')
  for await (const chunk of client as AsyncIterable<Buffer>) hash.update(chunk)
  expect(hash.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'))
  for (const server of [line, echo]) {
    server.close()
    await once(server, 'close')
  }
})

test('a connection that breaks on one side breaks on the other', async () => {
  const server = createServer(socket => socket.resetAndDestroy())
  const line = lineServer(await listening(server), { roundTripMs: 1, bytesPerSecond: 1e6 })
  const client = connect({ host: '127.0.0.1', port: await listening(line) })
  client.on('error', () => undefined)
  await once(client, 'close')
  for (const each of [line, server]) {
    each.close()
    await once(each, 'close')
  }
})
