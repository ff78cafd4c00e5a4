import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../coordinator/store/index.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { temporaryFolder, waitUntil } from '../../harness/index.ts'
import { running } from '../running.ts'
import { asked, operatorAt, tokenFor } from './asking.ts'

const everyRole = ['viewer', 'operator', 'restorer', 'admin'] as const

describe('tokens of operators', () => {
  test('whoever shows one is its name and role; whoever shows none on loopback is the local admin', async () => {
    await using fleet = await running()
    const secret = await tokenFor(fleet.port, 'alice', 'viewer')
    using alice = operatorAt(fleet.port, secret)
    expect(await alice.ask('whoAmI', {})).toMatchObject({
      name: 'alice',
      roles: ['viewer'],
      scope: 'fleet',
      knownBy: 'token',
    })
    await expect(alice.ask('listTokens', { pageSize: 0, pageToken: '', filter: '' })).rejects.toMatchObject({
      code: 'access.denied',
    })
    using local = operatorAt(fleet.port)
    expect(await local.ask('whoAmI', {})).toMatchObject({ name: 'local-admin', knownBy: 'loopback' })
  })

  test.each([
    ['one nobody made', `hft_${'x'.repeat(43)}`],
    ['something that is no token', 'Basic YTpi'],
  ])('%s opens nothing, also where no token would: it never falls back', async (_what, token) => {
    await using fleet = await running()
    using stranger = operatorAt(fleet.port, token)
    await expect(stranger.ask('whoAmI', {})).rejects.toMatchObject({ code: 'access.unauthenticated' })
    await waitUntil(
      async () =>
        (await fleet.store.read.audit({ size: 9 }, { action: 'security.refused' })).items.some(
          each => each.reason === 'access.unauthenticated',
        ),
      { what: 'the refusal in the audit' },
    )
  })

  test('a revoked one opens nothing from the next call on, and a second time it is over', async () => {
    await using fleet = await running()
    using alice = operatorAt(fleet.port, await tokenFor(fleet.port, 'alice', 'viewer'))
    using local = operatorAt(fleet.port)
    await alice.ask('whoAmI', {})
    const { token } = await local.ask('revokeToken', { token: 'alice', approval: '', ...asked() })
    expect(token?.state).toBe('revoked')
    await expect(alice.ask('whoAmI', {})).rejects.toMatchObject({ code: 'access.unauthenticated' })
    await expect(
      local.ask('revokeToken', { token: token?.tokenId ?? '', approval: '', ...asked() }),
    ).rejects.toMatchObject({ code: 'conflict' })
    await expect(
      local.ask('revokeToken', { token: 'alice', approval: '', ...asked() }),
    ).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  test('an expired one opens nothing, before any restart', async () => {
    let ahead = 0
    const clock = {
      ...systemClock,
      now: () => ({ ...systemClock.now(), wall: systemClock.now().wall + ahead }),
    }
    await using fleet = await running({}, { clock })
    using alice = operatorAt(fleet.port, await tokenFor(fleet.port, 'alice', 'viewer', { ttlMs: 3_600_000 }))
    await alice.ask('whoAmI', {})
    ahead = 3_600_001
    await expect(alice.ask('whoAmI', {})).rejects.toMatchObject({ message: 'the token has expired' })
  })

  test('live ones are known after a restart', async () => {
    await using fleet = await running()
    const secret = await tokenFor(fleet.port, 'alice', 'viewer')
    await fleet.restart()
    using alice = operatorAt(fleet.port, secret)
    expect(await alice.ask('whoAmI', {})).toMatchObject({ name: 'alice' })
  })

  test.each([
    ['a name with a slash', { name: 'a/b' }],
    ['a role there is not', { role: 'root' }],
    ['a minute less than one', { ttlMs: 59_000 }],
    ['more than a year', { ttlMs: 367 * 86_400_000 }],
    ['a selector of a key there is not', { selector: [{ name: 'colour', value: 'red' }] }],
    ['a selector without a pattern', { selector: [{ name: 'service', value: '' }] }],
    ['a selector for an admin', { role: 'admin', selector: [{ name: 'service', value: 'a' }] }],
  ])('%s is refused, naming the field', async (_what, over) => {
    await using fleet = await running()
    using local = operatorAt(fleet.port)
    const request = { name: 'alice', role: 'viewer', ttlMs: 60_000, selector: [], approval: '', ...asked() }
    await expect(local.ask('createToken', { ...request, ...over })).rejects.toMatchObject({
      code: 'request.invalid',
      message: expect.stringMatching(/^(name|role|ttl_ms|selector): /),
    })
  })

  test('a repeated request makes no second token and cannot show the secret again', async () => {
    await using fleet = await running()
    using local = operatorAt(fleet.port)
    const request = { name: 'alice', role: 'viewer', ttlMs: 60_000, selector: [], approval: '', ...asked() }
    await local.ask('createToken', request)
    await expect(local.ask('createToken', request)).rejects.toMatchObject({ code: 'conflict' })
    const { tokens } = await local.ask('listTokens', { pageSize: 0, pageToken: '', filter: 'name=alice' })
    expect(tokens).toHaveLength(1)
    expect((await fleet.store.read.audit({ size: 9 }, { action: 'token.created' })).items).toHaveLength(1)
  })

  test('nothing the coordinator wrote holds the secret, only its hash', async () => {
    await using folder = await temporaryFolder('tokens')
    const store = await openStore({ url: `sqlite:${folder.path}/s.db`, clock: systemClock, log: silentLog })
    let secret = ''
    {
      await using fleet = await running({}, { store })
      secret = await tokenFor(fleet.port, 'alice', 'viewer')
      using alice = operatorAt(fleet.port, secret)
      await alice.ask('whoAmI', {})
    }
    const files = await Promise.all(
      (await readdir(folder.path)).map(async name =>
        (await readFile(`${folder.path}/${name}`)).toString('latin1'),
      ),
    )
    const written = files.join('')
    expect(written).toContain(createHash('sha256').update(secret).digest('hex'))
    expect(written).not.toContain(secret.slice(4))
  })

  test('what a caller without a token is stands in the configuration: a role, or nobody', async () => {
    {
      await using fleet = await running({ access: { loopback: 'viewer' } })
      using local = operatorAt(fleet.port)
      expect(await local.ask('whoAmI', {})).toMatchObject({ name: 'local-viewer', roles: ['viewer'] })
      await expect(local.ask('startBackup', { database: 'x', ...asked() })).rejects.toMatchObject({
        code: 'access.denied',
      })
    }
    await using closed = await running({ access: { loopback: 'none' } })
    using local = operatorAt(closed.port)
    await expect(local.ask('whoAmI', {})).rejects.toMatchObject({ code: 'access.unauthenticated' })
    // agents are known otherwise
    const agent = await closed.agent()
    expect(agent.frames[0]?.$case).toBe('welcome')
  })

  test.each(everyRole)('a token of each role is listed with it: %s', async role => {
    await using fleet = await running()
    await tokenFor(fleet.port, 'alice', role)
    using local = operatorAt(fleet.port)
    const { tokens } = await local.ask('listTokens', { pageSize: 0, pageToken: '', filter: 'state=live' })
    expect(tokens).toMatchObject([{ name: 'alice', role, createdBy: 'operator:local-admin', state: 'live' }])
  })
})
