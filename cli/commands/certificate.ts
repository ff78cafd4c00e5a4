import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { AppError } from '../../shared/errors/index.ts'
import { operatorRoles } from '../../shared/model/role.ts'
import { parseDuration } from '../../shared/time/index.ts'
import { certificatePem, certificateRequest, newPrivateKey, privateKeyPem } from '../../shared/tls/index.ts'
import { Token } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { leaf, noun, type Terminal } from '../command.ts'
import { approvable, approvableOf } from '../mutation.ts'
import { instant } from '../print/units.ts'
import { selectorOf } from './token.ts'

const label = 'CERTIFICATE REQUEST'

/** `holdfast certificate request|issue`. Listing and revoking are those of tokens: both are what an operator is known by. */
export function certificateCommand(terminal: Terminal): Command {
  return noun('certificate', 'certificates by which operators are known', [
    request(terminal),
    issue(terminal),
  ])
}

function request(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'request',
      summary: 'make a key on this machine, and the request that an admin turns into a certificate',
      examples: ['holdfast certificate request --out ~/.holdfast/backup'],
    },
    command =>
      command.requiredOption('--out <folder>', 'where client.key and request.pem go; nothing is overwritten'),
    async ({ print }, _args, options) => {
      const folder = String(options.out)
      const key = newPrivateKey()
      const pem = pemOf(await certificateRequest(key))
      await create(join(folder, 'client.key'), privateKeyPem(key), 0o600)
      await create(join(folder, 'request.pem'), pem, 0o644)
      print(
        { folder, request: pem },
        () =>
          `made client.key and request.pem in ${folder}\nsend request.pem to an admin; what comes back is client.crt and ca.crt there`,
      )
    },
  )
}

function issue(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'issue',
      summary: "certify an operator's key; the certificate is printed, the key never left its machine",
      examples: [
        'holdfast certificate issue --request ann.pem --name ann --role operator > ann.crt',
        'holdfast certificate issue --request bob.pem --name bob --role restorer --ttl 30d --selector service=orders-* --ca-out ca.crt > bob.crt',
      ],
    },
    command =>
      approvable(
        command
          .requiredOption('--request <file>', 'what `certificate request` made')
          .requiredOption('--name <name>', 'whose it is')
          .requiredOption('--role <role>', operatorRoles.join(', '))
          .option('--ttl <duration>', 'how long it holds', '90d')
          .option('--selector <selector>', 'see and touch only these clusters: key=pattern joined by commas')
          .option('--ca-out <file>', 'write the CAs to believe there'),
      ),
    async ({ coordinator, print, terminal: { err } }, _args, options) => {
      const ttlMs = parseDuration(String(options.ttl))
      if (ttlMs === undefined)
        throw new AppError('usage.invalid', {
          message: '--ttl must be a duration such as 12h or 90d',
          context: { ttl: String(options.ttl) },
        })
      const answer = await coordinator.ask('createToken', {
        name: String(options.name),
        role: String(options.role),
        ttlMs,
        selector: selectorOf(options.selector),
        certificateRequestDer: await readRequest(String(options.request)),
        ...approvableOf(options),
      })
      if (answer.certificateDer.byteLength === 0) throw new AppError('coordinator.older')
      const certificate = certificatePem(answer.certificateDer)
      const authorities = answer.authorityDer.map(certificatePem).join('')
      if (typeof options.caOut === 'string') await create(options.caOut, authorities, 0o644)
      const shown = { token: answer.token, certificate, authorities }
      print(shown, () => certificate.trimEnd(), [{ ...answer.token, certificate }])
      const { tokenId, name, role, expiresAt } = answer.token ?? Token.fromPartial({})
      err(
        `${tokenId} of ${name} (${role})\nholds until ${instant(expiresAt)}; holdfast token revoke ${tokenId} ends it\n`,
      )
    },
  )
}

function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

async function readRequest(path: string): Promise<Buffer> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('usage.invalid', { message: `${path} cannot be read`, context: { path }, cause })
  })
  const [, body] = new RegExp(`-----BEGIN ${label}-----([^-]+)-----END ${label}-----`).exec(text) ?? []
  if (body === undefined)
    throw new AppError('usage.invalid', {
      message: `${path} holds no request for a certificate`,
      context: { path, expected: label },
    })
  return Buffer.from(body, 'base64')
}

async function create(path: string, text: string, mode: number): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFile(path, text, { flag: 'wx', mode })
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    throw code === 'EEXIST'
      ? new AppError('tls.exists', { context: { path }, cause })
      : new AppError('tls.unwritable', { context: { path, detail: code }, cause })
  }
}
