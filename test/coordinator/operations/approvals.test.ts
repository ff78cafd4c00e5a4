import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../shared/clock/index.ts'
import type { BackupId } from '../../../shared/model/identifiers.ts'
import { asked, operatorAt, tokenFor } from '../rpc/asking.ts'
import { running, withDatabase } from '../running.ts'

const requiring = (...required: string[]) => ({ access: { approvals: { required, ttl: '1h' } } })
const day = { ttlMs: 86_400_000 }
const everything = { pageSize: 0, pageToken: '', filter: '' }

/** Alice asks, Bob is the second person. */
async function twoAdmins(config: object, overrides = {}) {
  const fleet = await running(config as Record<string, unknown>, overrides)
  const [alice, bob] = [
    operatorAt(fleet.port, await tokenFor(fleet.port, 'alice', 'admin', day)),
    operatorAt(fleet.port, await tokenFor(fleet.port, 'bob', 'admin', day)),
  ]
  return {
    ...{ fleet, alice, bob },
    [Symbol.asyncDispose]: async () => {
      alice[Symbol.dispose]()
      bob[Symbol.dispose]()
      await fleet[Symbol.asyncDispose]()
    },
  }
}

/** Asks for what needs approval; gives the approval's id. */
async function needed(asking: Promise<unknown>): Promise<string> {
  const failure = await asking.then(
    () => undefined,
    (error: { code: string; context: Record<string, string> }) => error,
  )
  expect(failure?.code).toBe('approval.needed')
  return failure?.context['approval_id'] ?? ''
}

describe('acts that take a second person', () => {
  test('revoking an agent: its stream stands until another admin agreed', async () => {
    await using world = await twoAdmins(requiring('revoke-agent'))
    const { fleet, alice, bob } = world
    const agent = await fleet.agent({ hostname: 'db-host-7' })
    const revoke = (approval: string) =>
      alice.ask('revokeAgent', { agent: agent.agentId, approval, ...asked('stolen') })
    const id = await needed(revoke(''))
    expect(await fleet.store.read.revocations()).toEqual([])
    await bob.ask('grantApproval', { approvalId: id, ...asked('agreed') })
    expect(await revoke(id)).toMatchObject({ hostname: 'db-host-7' })
    expect(await fleet.store.read.revocations()).toMatchObject([{ agentId: agent.agentId }])
  })

  test('asked for, granted by another, carried out once', async () => {
    await using world = await twoAdmins(requiring('revoke-admin'))
    const { fleet, alice, bob } = world
    const revoke = (approval: string) =>
      alice.ask('revokeToken', { token: 'bob', approval, ...asked('left') })
    const id = await needed(revoke(''))
    // nothing was done, and asking again asks nothing new
    expect(await needed(revoke(''))).toBe(id)
    expect(await needed(revoke(id))).toBe(id)
    const { approvals } = await bob.ask('listApprovals', everything)
    expect(approvals).toMatchObject([{ approvalId: id, state: 'pending', askedBy: 'alice', reason: 'left' }])
    await bob.ask('grantApproval', { approvalId: id, ...asked('agreed') })
    expect((await revoke(id)).token).toMatchObject({ name: 'bob', state: 'revoked' })
    await expect(bob.ask('whoAmI', {})).rejects.toMatchObject({ code: 'access.unauthenticated' })
    const trail = (await fleet.store.read.audit({ size: 50 }, { subject: id })).items.map(
      each => `${each.actor} ${each.action}`,
    )
    expect(trail.reverse()).toEqual([
      'operator:alice approval.asked',
      'operator:bob approval.granted',
      'operator:alice approval.used',
    ])
  })

  test('it is used up: the same approval does not revoke a second token', async () => {
    await using world = await twoAdmins(requiring('revoke-admin'))
    const { fleet, alice, bob } = world
    await tokenFor(fleet.port, 'carol', 'admin')
    const revoke = (token: string, approval: string) =>
      alice.ask('revokeToken', { token, approval, ...asked() })
    const id = await needed(revoke('carol', ''))
    await bob.ask('grantApproval', { approvalId: id, ...asked() })
    // granted for carol, not for bob
    await expect(revoke('bob', id)).rejects.toMatchObject({ code: 'approval.void' })
    const { token } = await revoke('carol', id)
    await expect(revoke(token?.tokenId ?? '', id)).rejects.toMatchObject({ code: 'conflict' })
    expect((await alice.ask('listApprovals', everything)).approvals).toMatchObject([{ state: 'used' }])
  })

  test('the asker cannot grant it, by whatever token of that name, nor can nobody in particular', async () => {
    await using world = await twoAdmins(requiring('revoke-admin'))
    const { fleet, alice } = world
    const id = await needed(alice.ask('revokeToken', { token: 'bob', approval: '', ...asked() }))
    using again = operatorAt(fleet.port, await tokenFor(fleet.port, 'alice', 'admin'))
    using local = operatorAt(fleet.port)
    for (const each of [alice, again, local])
      await expect(each.ask('grantApproval', { approvalId: id, ...asked() })).rejects.toMatchObject({
        code: 'access.denied',
      })
  })

  test("somebody else's approval does not count", async () => {
    await using world = await twoAdmins(requiring('revoke-admin'))
    const { fleet, alice, bob } = world
    using carol = operatorAt(fleet.port, await tokenFor(fleet.port, 'carol', 'admin'))
    const id = await needed(carol.ask('revokeToken', { token: 'bob', approval: '', ...asked() }))
    await bob.ask('grantApproval', { approvalId: id, ...asked() })
    await expect(alice.ask('revokeToken', { token: 'bob', approval: id, ...asked() })).rejects.toMatchObject({
      code: 'approval.void',
    })
  })

  test('denied or expired it does not count; decided it is not decided again', async () => {
    let ahead = 0
    const now = () => ({ ...systemClock.now(), wall: systemClock.now().wall + ahead })
    await using world = await twoAdmins(requiring('revoke-admin'), { clock: { ...systemClock, now } })
    const { alice, bob } = world
    const revoke = (approval: string) => alice.ask('revokeToken', { token: 'bob', approval, ...asked() })
    const denied = await needed(revoke(''))
    await bob.ask('denyApproval', { approvalId: denied, ...asked('not today') })
    await expect(revoke(denied)).rejects.toMatchObject({
      code: 'approval.void',
      message: expect.stringContaining('not today'),
    })
    await expect(bob.ask('grantApproval', { approvalId: denied, ...asked() })).rejects.toMatchObject({
      code: 'conflict',
    })
    const late = await needed(revoke(''))
    expect(late).not.toBe(denied)
    await bob.ask('grantApproval', { approvalId: late, ...asked() })
    ahead = 3_600_001
    await expect(revoke(late)).rejects.toMatchObject({ message: expect.stringContaining('expired') })
    const { approvals } = await bob.ask('listApprovals', { ...everything, filter: 'state=expired' })
    expect(approvals).toMatchObject([{ approvalId: late }])
  })

  test('the first other admin takes nobody, the next one does; everybody may give up an own token', async () => {
    await using fleet = await running(requiring('create-admin', 'revoke-admin'))
    using alice = operatorAt(fleet.port, await tokenFor(fleet.port, 'alice', 'admin'))
    const make = (name: string) =>
      alice.ask('createToken', {
        ...{ name, role: 'admin', ttlMs: 3_600_000, selector: [], approval: '' },
        ...asked(),
      })
    await make('bob')
    await needed(make('mallory'))
    expect((await alice.ask('revokeToken', { token: 'alice', approval: '', ...asked() })).token?.state).toBe(
      'revoked',
    )
  })

  test('whoever may not grant sees and takes back only what they asked for', async () => {
    await using world = await withDatabase(requiring('restore'))
    const { fleet, agent } = world
    const { assign } = await agent.succeed()
    const backupId = assign.spec?.$case === 'backup' ? assign.spec.value.backupId : ''
    using rita = operatorAt(fleet.port, await tokenFor(fleet.port, 'rita', 'restorer'))
    using rob = operatorAt(fleet.port, await tokenFor(fleet.port, 'rob', 'restorer'))
    const restore = { backupId, into: 'orders_copy', instance: '', approval: '', ...asked() }
    const id = await needed(rita.ask('startRestore', restore))
    expect((await fleet.store.read.jobs({ size: 9 }, { kind: 'restore' })).items).toEqual([])
    expect((await rob.ask('listApprovals', everything)).approvals).toEqual([])
    await expect(rob.ask('denyApproval', { approvalId: id, ...asked() })).rejects.toMatchObject({
      code: 'not-found',
    })
    expect((await rita.ask('listApprovals', everything)).approvals).toHaveLength(1)
    await rita.ask('denyApproval', { approvalId: id, ...asked('not needed') })
  })

  test('a restore starts once it is granted; where configuration asks for nobody it starts at once', async () => {
    await using world = await withDatabase(requiring('restore'))
    const { fleet, agent } = world
    const { assign } = await agent.succeed()
    const backupId = assign.spec?.$case === 'backup' ? assign.spec.value.backupId : ''
    using rita = operatorAt(fleet.port, await tokenFor(fleet.port, 'rita', 'restorer'))
    using bob = operatorAt(fleet.port, await tokenFor(fleet.port, 'bob', 'admin'))
    const restore = (approval: string) =>
      rita.ask('startRestore', { backupId, into: 'orders_copy', instance: '', approval, ...asked() })
    const id = await needed(restore(''))
    await bob.ask('grantApproval', { approvalId: id, ...asked() })
    expect((await restore(id)).job).toMatchObject({ kind: 'restore', requestedBy: 'rita' })
    await using free = await withDatabase()
    const made = await free.agent.succeed()
    const { operations } = free.fleet.coordinator
    const { job } = await operations.startRestore(
      { kind: 'operator', name: 'rita', roles: ['restorer'], scope: { kind: 'fleet' } },
      {
        backupId: (made.assign.spec?.$case === 'backup' ? made.assign.spec.value.backupId : '') as BackupId,
        into: 'orders_copy',
        ...asked(),
      },
    )
    expect(job.order.kind).toBe('restore')
  })
})
