import { sql } from 'kysely'
import type { Migration } from './migration.ts'

/**
 * What came to each destination, and went, day by day. Kept by triggers on `copies`, so that it is right whatever writes
 * there, a process of the version before included; filled from the copies there are. What comes counts on the day of
 * its commit, what goes on the day it goes.
 */
export const destinationDays: Migration = {
  number: 13,
  name: 'destination-days',
  kind: 'compatible',
  up: async (db, { kind, types: { key, int, tableEnd } }) => {
    for (const statement of [
      `create table destination_days (destination ${key} not null, day ${int} not null, bytes ${int} not null,
       copies ${int} not null, primary key (destination, day)) ${tableEnd}`,
      `insert into destination_days (destination, day, bytes, copies)
       select copies.destination, backups.committed_at / 86400000, sum(coalesce(backups.stored_bytes, 0)), count(*)
       from copies join backups on backups.id = copies.backup_id
       group by copies.destination, backups.committed_at / 86400000`,
      ...(kind === 'sqlite' ? sqliteTriggers : postgresTriggers),
    ])
      await sql.raw(statement).execute(db)
  },
}

const added = `
  insert into destination_days (destination, day, bytes, copies)
  select new.destination, backups.committed_at / 86400000, coalesce(backups.stored_bytes, 0), 1
  from backups where backups.id = new.backup_id
  on conflict (destination, day) do update
  set bytes = destination_days.bytes + excluded.bytes, copies = destination_days.copies + 1;`

const removed = (today: string) => `
  insert into destination_days (destination, day, bytes, copies)
  select old.destination, ${today}, -coalesce(backups.stored_bytes, 0), -1
  from backups where backups.id = old.backup_id
  on conflict (destination, day) do update
  set bytes = destination_days.bytes + excluded.bytes, copies = destination_days.copies - 1;`

const sqliteTriggers = [
  `create trigger copies_added after insert on copies begin ${added} end`,
  `create trigger copies_removed after delete on copies begin ${removed('unixepoch() / 86400')} end`,
]

const today = 'floor(extract(epoch from clock_timestamp()) / 86400)::bigint'

const postgresTriggers = [
  `create function copies_added() returns trigger language plpgsql as $$ begin ${added} return null; end $$`,
  'create trigger copies_added after insert on copies for each row execute function copies_added()',
  `create function copies_removed() returns trigger language plpgsql as $$ begin ${removed(today)} return null; end $$`,
  'create trigger copies_removed after delete on copies for each row execute function copies_removed()',
]
