import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Log, silentLog } from '../../../shared/log/index.ts'
import {
  createMetrics,
  type Readiness,
  type StatusServer,
  startStatusServer,
} from '../../../shared/metrics/index.ts'

describe('status server', () => {
  const servers: StatusServer[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close()
  })
  const start = async (ready: () => Readiness | Promise<Readiness>, log: Log = silentLog) => {
    const registry = createMetrics({ processMetrics: false })
    registry.gauge({ name: 'agents', help: 'Agents.' }).set(2)
    const server = await startStatusServer({ listen: { port: 0 }, registry, ready, log })
    servers.push(server)
    return server
  }
  const well = () => ({ ok: true, reasons: [] })

  test('listens on loopback and reports the port it got', async () => {
    const server = await start(well)
    expect(server.host).toBe('127.0.0.1')
    expect(server.port).toBeGreaterThan(0)
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('holdfast_agents 2')
  })

  test('readiness is 503 with its reasons while health is 200', async () => {
    const server = await start(() => ({ ok: false, reasons: ['no leader'] }))
    const ready = await fetch(`${server.url}/readyz`)
    expect(ready.status).toBe(503)
    expect(await ready.json()).toEqual({ ok: false, reasons: ['no leader'] })
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  test('a readiness check that throws is a 500 and a log line, not the end of the process', async () => {
    const lines: string[] = []
    const log: Log = { ...silentLog, error: message => void lines.push(message) }
    const server = await start(() => Promise.reject(new Error('boom')), log)
    expect((await fetch(`${server.url}/readyz`)).status).toBe(500)
    expect(lines).toEqual(['a status page failed'])
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  test('a page in blocks is sent whole, and one that fails half-way is cut off, not ended as if it were whole', async () => {
    async function* blocks(fails: boolean) {
      yield Buffer.from('one ')
      if (fails) throw new Error('boom')
      yield Buffer.from('two')
    }
    const page = (fails: boolean) => async () => ({ status: 200, type: 'text/plain', body: blocks(fails) })
    const server = await startStatusServer({
      listen: { port: 0 },
      registry: createMetrics({ processMetrics: false }),
      ready: well,
      log: silentLog,
      pages: { '/whole': page(false), '/broken': page(true) },
    })
    servers.push(server)
    expect(await (await fetch(`${server.url}/whole`)).text()).toBe('one two')
    expect((await fetch(`${server.url}/whole`, { method: 'HEAD' })).status).toBe(200)
    await expect(fetch(`${server.url}/broken`).then(response => response.text())).rejects.toThrow()
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  test('other paths are 404, other methods 405, garbage is hung up on', async () => {
    const server = await start(well)
    expect((await fetch(`${server.url}/toString`)).status).toBe(404)
    expect((await fetch(`${server.url}/metrics`, { method: 'POST' })).status).toBe(405)
    expect((await fetch(`${server.url}/metrics`, { method: 'HEAD' })).status).toBe(200)
    await new Promise<void>(resolve => {
      const socket = connect(server.port, server.host, () => socket.write('\x16\x03\x01 garbage\r\n\r\n'))
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
      socket.resume()
    })
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  test('a taken port is listen.failed and names the address', async () => {
    const { port } = await start(well)
    const second = startStatusServer({
      listen: { port },
      registry: createMetrics({ processMetrics: false }),
      ready: well,
      log: silentLog,
    })
    await expect(second).rejects.toMatchObject({
      code: 'listen.failed',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    })
  })

  test('closing twice is harmless, and cuts an open connection', async () => {
    const server = await start(well)
    const idle = connect(server.port, server.host)
    await new Promise(resolve => idle.once('connect', resolve))
    const cut = new Promise(resolve => idle.once('close', resolve))
    idle.on('error', () => undefined)
    await server.close()
    await server.close()
    await cut
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow()
  })
})
