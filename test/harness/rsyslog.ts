import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { startProcess } from './owned-process.ts'
import { provision } from './provision.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { waitUntil } from './wait-until.ts'

/** A message as rsyslog understood it. */
export interface SyslogReceived {
  readonly pri: string
  readonly hostname: string
  readonly programname: string
  readonly msgid: string
  readonly structured: string
  readonly msg: string
}

/** A real rsyslog of a test: a port for TCP and UDP, and a socket of datagrams as `/dev/log` is. */
export interface RsyslogServer extends AsyncDisposable {
  readonly port: number
  readonly socket: string
  received(): Promise<readonly SyslogReceived[]>
}

const fields = { pri: 'pri', hostname: 'hostname', programname: 'programname', msgid: 'msgid' }

/** Starts rsyslog. */
export async function startRsyslog(): Promise<RsyslogServer> {
  const found = await provision('rsyslog')
  if (!found.available) throw new Error(`no rsyslog for this test: ${found.reason}`)
  const folder = await temporaryFolder('rsyslog')
  const port = await freePort()
  const at = (name: string) => join(folder.path, name)
  const properties = Object.entries({ ...fields, structured: 'structured-data', msg: 'msg' })
    .map(([name, property]) => `property(outname="${name}" name="${property}" format="jsonf")`)
    .join(' constant(value=",") ')
  await writeFile(
    at('rsyslog.conf'),
    `global(workDirectory="${folder.path}" maxMessageSize="64k")
module(load="imudp") module(load="imtcp") module(load="imuxsock" sysSock.use="off")
template(name="t" type="list") { constant(value="{") ${properties} constant(value="}\\n") }
input(type="imudp" address="127.0.0.1" port="${port}")
input(type="imtcp" address="127.0.0.1" port="${port}")
input(type="imuxsock" socket="${at('log.sock')}")
action(type="omfile" file="${at('received')}" template="t")
`,
  )
  const modules = found.root === undefined ? [] : ['-M', moduleFolder(found.root)]
  const server = await startProcess(
    join(found.bin, 'rsyslogd'),
    ['-n', '-f', at('rsyslog.conf'), '-i', at('pid'), ...modules],
    { name: 'rsyslog', logFile: at('log') },
  )
  const stop = async () => {
    await server.stop()
    await folder.remove()
  }
  try {
    await waitUntil(() => !server.running || existsSync(at('log.sock')), { what: 'rsyslog', timeout: 30_000 })
    if (!server.running) throw new Error(`rsyslog did not start: ${await readFile(at('log'), 'utf8')}`)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    port,
    socket: at('log.sock'),
    received: async () =>
      (await readFile(at('received'), 'utf8').catch(() => ''))
        .split('\n')
        .filter(line => line.endsWith('}'))
        .map(line => JSON.parse(line) as SyslogReceived)
        .filter(each => each.programname === 'holdfast'),
    [Symbol.asyncDispose]: stop,
  }
}

function moduleFolder(root: string): string {
  const found = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
    .map(each => join(root, 'usr/lib', each, 'rsyslog'))
    .find(each => existsSync(each))
  if (found === undefined) throw new Error('no modules of rsyslog')
  return found
}
