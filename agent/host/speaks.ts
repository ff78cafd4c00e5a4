import { connect } from 'node:net'
import type { Duration } from '../../shared/time/index.ts'

/** What a server that speaks a database's protocol would be called. */
export type Spoken = 'postgres' | 'mysqld' | 'mariadbd' | 'mongod'

/** How long a server may take to answer, ms; one that speaks first does so at once. */
const patience: Duration = 1_000

const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

/** `{hello: 1, $db: "admin"}` as OP_MSG. */
const mongoHello = (() => {
  const document = Buffer.concat([
    Buffer.from([0, 0, 0, 0, 0x10]),
    Buffer.from('hello\0'),
    Buffer.from([1, 0, 0, 0, 0x02]),
    Buffer.from('$db\0'),
    Buffer.from([6, 0, 0, 0]),
    Buffer.from('admin\0'),
    Buffer.from([0]),
  ])
  document.writeInt32LE(document.length, 0)
  const head = Buffer.alloc(21)
  head.writeInt32LE(head.length + document.length, 0)
  head.writeInt32LE(1, 4)
  head.writeInt32LE(2013, 12)
  return Buffer.concat([head, document])
})()

/**
 * What a server on a port of a database speaks, by its first word; undefined: something else, or nothing. Says no more
 * than a client does before it logs in, and never logs in.
 */
export async function speaks(address: string, port: number): Promise<Spoken | undefined> {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
  if (port === 5432) return postgresOf(await firstWord(host, port, sslRequest))
  if (port === 27017) return mongoOf(await firstWord(host, port, mongoHello))
  // it speaks first: whoever asked it something would be counted as a client that failed
  const greeting = await firstWord(host, port)
  if (greeting.length > 0 || port === 3306) return mysqlOf(greeting)
  return (
    postgresOf(await firstWord(host, port, sslRequest)) ?? mongoOf(await firstWord(host, port, mongoHello))
  )
}

function postgresOf(word: Buffer): Spoken | undefined {
  return word.length === 1 && (word[0] === 0x53 || word[0] === 0x4e) ? 'postgres' : undefined
}

function mysqlOf(greeting: Buffer): Spoken | undefined {
  const [first, kind] = [greeting[3], greeting[4]]
  // a packet with number 0: protocol 10, or an error such as too many connections
  if (greeting.length < 6 || first !== 0 || (kind !== 10 && kind !== 0xff)) return undefined
  return /mariadb/i.test(greeting.toString('latin1')) ? 'mariadbd' : 'mysqld'
}

function mongoOf(word: Buffer): Spoken | undefined {
  return word.length >= 16 && word.readInt32LE(12) === 2013 ? 'mongod' : undefined
}

/** What comes first on a connection; empty when nothing does. Never rejects. */
function firstWord(host: string, port: number, say?: Buffer): Promise<Buffer> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const end = (word: Buffer) => {
      socket.destroy()
      resolve(word)
    }
    socket.setTimeout(patience, () => end(Buffer.alloc(0)))
    socket.once('connect', () => {
      if (say !== undefined) socket.write(say)
    })
    socket.once('data', end)
    socket.once('error', () => end(Buffer.alloc(0)))
    socket.once('close', () => end(Buffer.alloc(0)))
  })
}
