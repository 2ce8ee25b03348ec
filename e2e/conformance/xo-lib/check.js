// Xen Orchestra's own client library against a Xen Orchestra or its simulator: signs in, mirrors the inventory by notifications, makes a
// disk, moves it while watching its task, reads errors, removes the disk. The environment says where: CHECK_URL, CHECK_TOKEN, CHECK_NAME (of
// the disk), CHECK_SR and CHECK_OTHER_SR. Each step is a line on standard output; the first that fails ends with 1.
'use strict'

const assert = require('node:assert/strict')
const { default: Xo, XoError } = require('xo-lib')

const { CHECK_URL, CHECK_TOKEN, CHECK_NAME, CHECK_SR, CHECK_OTHER_SR } = process.env
const STEP_MS = 120_000 // the longest that a step may take: a copy on a slow site

const mirror = new Map()
const watchers = new Set()

function follow (message) {
  if (message.method !== 'all') return
  const { type, items } = message.params
  for (const [id, object] of Object.entries(items)) {
    if (type === 'enter') mirror.set(id, object)
    else mirror.delete(id)
  }
  for (const watcher of watchers) watcher(items)
}

// Waits until a condition on the mirror holds: it is looked at after each notification.
function until (what, condition) {
  return new Promise((resolve, reject) => {
    const end = (settle, value) => {
      clearTimeout(timer)
      watchers.delete(look)
      settle(value)
    }
    const timer = setTimeout(() => end(reject, new Error(`never: ${what}`)), STEP_MS)
    const look = () => condition() && end(resolve)
    watchers.add(look)
    look()
  })
}

async function refused (xo, method, params) {
  try {
    await xo.call(method, params)
  } catch (error) {
    return error
  }
  throw new Error(`${method} was not refused`)
}

const steps = {
  async 'signs in' (xo) {
    await xo.open()
    await assert.rejects(xo.signIn({ token: 'no such token' }), { message: 'invalid credentials', code: 3 })
    await xo.signIn({ token: CHECK_TOKEN })
    assert.ok(xo.user.email)
    assert.equal(xo.user.permission, 'admin')
    await assert.rejects(xo.call('session.getUser'), XoError) // a rule of the library itself
  },

  async 'mirrors the inventory' (xo) {
    xo.on('notification', follow)
    for (const [id, object] of Object.entries(await xo.call('xo.getAllObjects', {}))) {
      if (!mirror.has(id)) mirror.set(id, object)
    }
    assert.equal(mirror.get(CHECK_SR).type, 'SR')
    assert.ok([...mirror.values()].some(object => object.type === 'pool'))
  },

  async 'creates a disk' (xo, state) {
    state.id = await xo.call('disk.create', { name: CHECK_NAME, size: '1 GiB', sr: CHECK_SR })
    await until('the disk in the mirror', () => mirror.has(state.id))
    assert.equal(mirror.get(state.id).name_label, CHECK_NAME)
    await until('the disk in its SR', () => mirror.get(CHECK_SR).VDIs.includes(state.id))
  },

  async 'migrates it and watches the task' (xo, state) {
    const told = new Map() // what tasks of this migration said last
    const watch = items => {
      for (const task of Object.values(items)) {
        if (task.type === 'task' && task.name_label === 'Async.VDI.copy') told.set(task.id, task)
      }
    }
    watchers.add(watch)
    const moved = await xo.call('vdi.migrate', { id: state.id, sr_id: CHECK_OTHER_SR })
    await until('the old disk gone and the new one there', () => mirror.has(moved) && !mirror.has(state.id))
    watchers.delete(watch)
    assert.equal(mirror.get(moved).$SR, CHECK_OTHER_SR)
    const ended = [...told.values()].find(task => task.result.includes(mirror.get(moved)._xapiRef))
    assert.equal(ended?.status, 'success')
    state.id = moved
  },

  async 'reads errors' (xo, state) {
    const unknown = await refused(xo, 'vdi.delete', { id: 'nobody' })
    assert.equal(unknown.code, 1)
    assert.deepEqual(unknown.data.id, 'nobody')
    const method = await refused(xo, 'nope.nope', {})
    assert.equal(method.code, -32601)
    const size = mirror.get(CHECK_SR).size
    const full = await refused(xo, 'disk.create', { name: CHECK_NAME, size: size * 2, sr: CHECK_SR })
    assert.match(full.data.code, /^SR_(FULL|BACKEND_FAILURE_44)$/)
    assert.equal(mirror.get(state.id).name_label, CHECK_NAME)
  },

  async 'removes it, and the mirror is what there is' (xo, state) {
    assert.equal(await xo.call('vdi.delete', { id: state.id }), true)
    await until('the disk gone', () => !mirror.has(state.id))
    const there = await xo.call('xo.getAllObjects', { filter: { type: 'VDI' } })
    const mirrored = [...mirror.values()].filter(object => object.type === 'VDI').map(object => object.id)
    assert.deepEqual(mirrored.sort(), Object.keys(there).sort())
  }
}

async function main () {
  const xo = new Xo({ url: CHECK_URL })
  const state = {}
  for (const [name, step] of Object.entries(steps)) {
    await step(xo, state)
    console.log(name)
  }
  await xo.close()
}

main().then(() => process.exit(0), error => {
  console.error(error)
  process.exit(1)
})
