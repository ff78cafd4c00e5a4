import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A door that leads to whoever leads: agents dial it, the test turns it. */
export interface Switch extends AsyncDisposable {
  readonly address: string
  /** New connections lead there; those that stand stay, or are cut. */
  turn(address: string, options?: { readonly cut: boolean }): void
}

export async function startSwitch(): Promise<Switch> {
  let target: { readonly host: string; readonly port: number } | undefined
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    if (target === undefined) return client.destroy()
    const onward = connect(target.port, target.host)
    for (const socket of [client, onward]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        onward.destroy()
      })
    }
    client.pipe(onward)
    onward.pipe(client)
    return undefined
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    turn: (address, { cut } = { cut: false }) => {
      const [host = '', port = ''] = address.split(':')
      target = { host, port: Number(port) }
      if (cut) for (const socket of sockets) socket.destroy()
    },
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await Promise.resolve()
    },
  }
}
