import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { run } from './run.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { waitUntil } from './wait-until.ts'

/** One mail that was taken. */
export interface ReceivedMail {
  readonly from: string
  readonly to: readonly string[]
  readonly user: string | undefined
  readonly encrypted: boolean
  /** Headers and body as sent, lines ending in \n, dots unstuffed. */
  readonly data: string
}

export interface SmtpSinkOptions {
  /** The account that must log in; nobody when absent. */
  readonly user?: string
  readonly password?: string
  /** Offer STARTTLS; default yes. */
  readonly startTls?: boolean
}

/** A small real mail server on 127.0.0.1 that keeps what it gets. Faults are used up in the order they were set. */
export interface SmtpSink extends AsyncDisposable {
  readonly port: number
  /** Its certificate, PEM, for `localhost`. */
  readonly certificate: string
  readonly mails: readonly ReceivedMail[]
  /** Everything clients said, AUTH included. */
  readonly said: readonly string[]
  /** The next command that begins with `verb` is answered so, such as `550 5.1.1 unknown`. */
  answer(verb: string, reply: string): void
  /** The next command that begins with `verb` is never answered. */
  hang(verb: string): void
  /** The next command that begins with `verb` cuts the connection. */
  drop(verb: string): void
  /** Forgets faults that were not used up. */
  heal(): void
  received(count: number): Promise<readonly ReceivedMail[]>
  stop(): Promise<void>
}

type Fault = { readonly verb: string } & (
  | { readonly kind: 'answer'; readonly reply: string }
  | { readonly kind: 'hang' }
  | { readonly kind: 'drop' }
)

/** Starts a mail server with a certificate made by openssl. */
export async function smtpSink(options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const { key, certificate } = await selfSigned()
  const mails: ReceivedMail[] = []
  const said: string[] = []
  const faults: Fault[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    new Conversation(socket, { options, key, certificate, mails, said, faults })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    port: (server.address() as AddressInfo).port,
    certificate,
    mails,
    said,
    answer: (verb, reply) => void faults.push({ kind: 'answer', verb, reply }),
    hang: verb => void faults.push({ kind: 'hang', verb }),
    drop: verb => void faults.push({ kind: 'drop', verb }),
    heal: () => void faults.splice(0),
    received: async count => {
      await waitUntil(() => mails.length >= count, { what: `${count} mails (${mails.length} so far)` })
      return [...mails]
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Surroundings {
  readonly options: SmtpSinkOptions
  readonly key: string
  readonly certificate: string
  readonly mails: ReceivedMail[]
  readonly said: string[]
  readonly faults: Fault[]
}

class Conversation {
  readonly #around: Surroundings
  readonly #raw: Socket
  #socket: Socket
  #buffer = ''
  #data: string[] | undefined
  #from = ''
  #to: string[] = []
  #user: string | undefined
  /** Lines of an AUTH dialogue still to come. */
  #asking: ((line: string) => void) | undefined

  constructor(socket: Socket, around: Surroundings) {
    this.#around = around
    this.#raw = socket
    this.#socket = socket
    this.#listen(socket)
    this.#command('CONNECT', () => this.#say('220 sink ESMTP'))
  }

  #listen(socket: Socket): void {
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      this.#buffer += chunk.toString('utf8')
      for (let end = this.#buffer.indexOf('\r\n'); end >= 0; end = this.#buffer.indexOf('\r\n')) {
        const line = this.#buffer.slice(0, end)
        this.#buffer = this.#buffer.slice(end + 2)
        this.#take(line)
      }
    })
  }

  #say(text: string): void {
    this.#socket.write(`${text}\r\n`)
  }

  #take(line: string) {
    if (this.#data !== undefined) return this.#takeData(line)
    this.#around.said.push(line)
    if (this.#asking !== undefined) return this.#asking(line)
    this.#command(line, () => this.#obey(line))
  }

  #command(line: string, obey: () => void): void {
    const { faults } = this.#around
    const at = faults.findIndex(({ verb }) => line.toUpperCase().startsWith(verb))
    const [fault] = at < 0 ? [] : faults.splice(at, 1)
    if (fault === undefined) obey()
    else if (fault.kind === 'answer') this.#say(fault.reply)
    else if (fault.kind === 'drop') this.#raw.destroy()
  }

  #obey(line: string) {
    const { options } = this.#around
    const verb = line.split(/[ :]/)[0]?.toUpperCase()
    const encrypted = this.#socket instanceof TLSSocket
    const needsLogin = options.user !== undefined && this.#user === undefined
    switch (verb) {
      case 'EHLO':
      case 'HELO':
        this.#say('250-sink')
        if (options.startTls !== false && !encrypted) this.#say('250-STARTTLS')
        if (options.user !== undefined) this.#say('250-AUTH PLAIN LOGIN')
        return this.#say('250 8BITMIME')
      case 'STARTTLS':
        if (options.startTls === false) return this.#say('502 5.5.1 not here')
        return this.#startTls()
      case 'AUTH':
        return this.#authenticate(line)
      case 'MAIL':
        if (needsLogin) return this.#say('530 5.7.0 log in first')
        this.#from = /<(.*?)>/.exec(line)?.[1] ?? ''
        this.#to = []
        return this.#say('250 fine')
      case 'RCPT':
        this.#to.push(/<(.*?)>/.exec(line)?.[1] ?? '')
        return this.#say('250 fine')
      case 'DATA':
        this.#data = []
        return this.#say('354 go on')
      case 'QUIT':
        this.#say('221 bye')
        return void this.#socket.end()
      default:
        return this.#say('500 what')
    }
  }

  #takeData(line: string): void {
    if (line !== '.') {
      this.#data?.push(line.startsWith('.') ? line.slice(1) : line)
      return
    }
    const data = (this.#data ?? []).join('\n')
    this.#data = undefined
    this.#command('DOT', () => {
      this.#around.mails.push({
        from: this.#from,
        to: this.#to,
        user: this.#user,
        encrypted: this.#socket instanceof TLSSocket,
        data,
      })
      this.#say('250 2.0.0 taken')
    })
  }

  #startTls(): void {
    this.#say('220 go on')
    const { key, certificate } = this.#around
    this.#socket.removeAllListeners('data')
    const secure = new TLSSocket(this.#socket, {
      isServer: true,
      secureContext: createSecureContext({ key, cert: certificate }),
    })
    this.#socket = secure
    this.#buffer = ''
    this.#listen(secure)
  }

  #authenticate(line: string) {
    const [, method = '', first] = line.split(' ')
    if (method.toUpperCase() === 'PLAIN') {
      if (first !== undefined) return this.#plain(first)
      return this.#ask('334 ', answer => this.#plain(answer))
    }
    this.#ask(`334 ${base64('Username:')}`, user =>
      this.#ask(`334 ${base64('Password:')}`, password => this.#check(text(user), text(password))),
    )
  }

  #ask(prompt: string, then: (line: string) => void): void {
    this.#asking = line => {
      this.#asking = undefined
      then(line)
    }
    this.#say(prompt)
  }

  #plain(answer: string): void {
    const [, user = '', password = ''] = text(answer).split('\0')
    this.#check(user, password)
  }

  #check(user: string, password: string) {
    const { options } = this.#around
    if (user !== options.user || password !== options.password)
      // as some servers do, it repeats what it was told
      return this.#say(`535 5.7.8 wrong: ${user} ${password}`)
    this.#user = user
    this.#say('235 2.7.0 welcome')
  }
}

function base64(value: string): string {
  return Buffer.from(value).toString('base64')
}

function text(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8')
}

async function selfSigned(): Promise<{ key: string; certificate: string }> {
  const folder = await temporaryFolder('smtp')
  try {
    const keyFile = join(folder.path, 'key.pem')
    const file = join(folder.path, 'cert.pem')
    await run('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
      ...['-keyout', keyFile, '-out', file],
    ])
    return { key: await readFile(keyFile, 'utf8'), certificate: await readFile(file, 'utf8') }
  } finally {
    await folder.remove()
  }
}
