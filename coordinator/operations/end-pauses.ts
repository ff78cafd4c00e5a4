import { afterCommit, type Term, write } from './term.ts'

/** Removes pauses whose time is over: from then on they held nothing, now the audit says that they ended. */
export async function endPauses(term: Term): Promise<void> {
  for (const { key } of term.pauses.over(term.clock.now().wall))
    await write(term, 'pause-end', async tx => {
      const at = term.clock.now().wall
      const pause = await tx.pauses.get(key)
      // set anew meanwhile
      if (pause?.until === undefined || pause.until > at) return
      await tx.pauses.remove(key)
      await tx.audit.append({
        at,
        class: 'history',
        actor: 'system',
        action: `${pause.scope}.pause-ended`,
        subject: key,
        reason: pause.reason,
        detail: { name: pause.name, by: pause.by, until: pause.until },
      })
      afterCommit(term, tx, () => {
        term.pauses.remove(key)
        term.wakePlanner()
      })
    })
}
