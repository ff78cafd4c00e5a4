// Writes a bucket as the agent of today leaves it: `node write-bucket.ts <new folder>`. Needs real servers.
// Run once for each version of the format; what is committed is never written again (README.md).
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  type MariadbServer,
  type PostgresServer,
  run,
  startMariadb,
  startPostgres,
  temporaryFolder,
} from '../harness/index.ts'
import { projectRoot } from '../harness/project-root.ts'

async function main(folder: string): Promise<void> {
  await mkdir(folder)
  await using state = await temporaryFolder('fixture')
  await using pg = await startPostgres()
  await using maria = await startMariadb()
  await fillPostgres(pg)
  await fillMariadb(maria)
  const backup = (server: PostgresServer | MariadbServer, ...args: string[]) =>
    run(join(projectRoot, 'bin/holdfast-agent'), [
      'backup',
      ...args,
      ...['--host', server.host, '--port', String(server.port), '--user', server.user],
      ...['--password-file', server.passwordFile, '--tool-folder', server.bin],
      ...['--to', pathToFileURL(folder).href, '--state-dir', state.path],
    ])
  await backup(pg, '--engine', 'postgres', '--database', 'orders "2026"/é', '--globals')
  await backup(maria, '--engine', 'mariadb', '--database', 'Lager ü')
}

async function fillPostgres(pg: PostgresServer): Promise<void> {
  const name = 'orders "2026"/é'
  await pg.psql('create role app login; create role reader in role pg_read_all_data')
  await pg.createDatabase(name)
  await pg.psql(
    `create type state as enum ('open', 'päid');
     create table customer (id bigint generated always as identity primary key, name text not null, tags jsonb);
     create table invoice (id serial primary key, customer bigint not null references customer, state state, paper bytea);
     insert into customer (name, tags) select 'Kundin ' || i || ' 🎻', jsonb_build_object('n', i) from generate_series(1, 20) i;
     insert into invoice (customer, state, paper) select id, 'päid', decode(md5(name), 'hex') from customer;
     select lo_from_bytea(0, '\\x00ff10');
     alter table customer owner to app; grant select on invoice to reader;
     alter database "orders ""2026""/é" set search_path to public, pg_catalog;
     comment on database "orders ""2026""/é" is 'what is owed'`,
    name,
  )
}

async function fillMariadb(maria: MariadbServer): Promise<void> {
  await maria.createDatabase('Lager ü')
  await maria.sql(
    `create table bin (id int auto_increment primary key, place varchar(40) not null, label blob, key (place));
     insert into bin (place, label) values ('Gang ß/1', x'00ff27225c0a'), ('🎻', null);
     create view places as select place from bin;
     create trigger filled before insert on bin for each row set new.place = trim(new.place);
     create sequence tickets start with 100;
     select next value for tickets`,
    'Lager ü',
  )
}

await main(resolve(process.argv[2] ?? ''))
