"""Asks the module uwsgi everything, on uWSGI and on uswgi alike: one line an expression, with what came of it."""

import os
import sys
import threading
import time

import uwsgi

HERE = os.path.dirname(os.path.abspath(__file__))

IMPORTED = """
uwsgi.worker_id()
uwsgi.masterpid() == os.getpid()
uwsgi.request_id()
uwsgi.total_requests()
uwsgi.cl()
uwsgi.get_logvar('a')
uwsgi.set_logvar('a', 'b')
uwsgi.log_this_request()
uwsgi.disconnect()
uwsgi.set_user_harakiri(3)
uwsgi.cache_set('imported', b'1')
uwsgi.lock()
uwsgi.unlock()
uwsgi.ready()
len(uwsgi.workers())
uwsgi.workers()[0]['pid']
uwsgi.workers()[0]['status']
uwsgi.workers()[0]['apps']
uwsgi.log('while imported')
uwsgi.listen_queue()
uwsgi.accepting()
uwsgi.total_requests()
sys.modules['uwsgi'] is uwsgi
'uwsgidecorators' in sys.modules
hasattr(uwsgi, 'post_fork_hook'), hasattr(uwsgi, 'atexit')
"""

ASKED = """
uwsgi.cache_get('imported')
uwsgi.cache_del('imported')
uwsgi.cache_get('a')
uwsgi.cache_set('a', b'1')
uwsgi.cache_set('a', b'2')
uwsgi.cache_set(b'a2', '2')
uwsgi.cache_get('a2')
uwsgi.cache_get(b'a')
uwsgi.cache_update('a', b'22')
uwsgi.cache_get('a')
uwsgi.cache_get('a', 'c')
uwsgi.cache_get('a', '')
uwsgi.cache_get('a', b'c')
uwsgi.cache_get('a', None)
uwsgi.cache_get('a', 'nope')
uwsgi.cache_get('a', 'c@127.0.0.1:1')
uwsgi.cache_set('a', b'1', 0, 'nope')
uwsgi.cache_set('x', b'1', 0, 'd')
uwsgi.cache_get('x')
uwsgi.cache_get('x', 'd')
uwsgi.cache_set('x', b'1', expires=0)
uwsgi.cache_get(key='a')
uwsgi.cache_get()
uwsgi.cache_set('x')
uwsgi.cache_set('e', b'1', 10000)
uwsgi.cache_get('e')
uwsgi.cache_set('over', b'1', -1)
uwsgi.cache_get('over')
uwsgi.cache_update('over', b'1')
uwsgi.cache_set('f', b'1', 2.5)
uwsgi.cache_set('', b'1')
uwsgi.cache_get('')
uwsgi.cache_set('empty', b'')
uwsgi.cache_exists('empty')
uwsgi.cache_exists('a')
uwsgi.cache_exists('nope')
uwsgi.cache_exists('nope', 'zzz')
uwsgi.cache_del('a')
uwsgi.cache_del('a')
uwsgi.cache_del('a', 'nope')
uwsgi.cache_set('big', b'x' * 65536)
uwsgi.cache_get('big') == b'x' * 65536
uwsgi.cache_set('big2', b'x' * 65537)
uwsgi.cache_update('big', b'x' * 65537)
uwsgi.cache_set('k' * 2048, b'x')
uwsgi.cache_set('k' * 2049, b'x')
uwsgi.cache_get('k' * 4000)
uwsgi.cache_del('k' * 4000)
uwsgi.cache_update('new', b'v')
sorted(uwsgi.cache_keys())
sorted(uwsgi.cache_keys('c')) == sorted(uwsgi.cache_keys())
uwsgi.cache_keys('d')
uwsgi.cache_keys('nope')
uwsgi.cache_set('a\\0b', b'nul')
uwsgi.cache_get('a\\0b')
uwsgi.cache_get('\\ud800')
uwsgi.cache_set('\\xfc', '\\xfc')
uwsgi.cache_get('\\xfc')
uwsgi.cache_set(1, b'x')
uwsgi.cache_set('x', 1)
uwsgi.cache_set('x', None)
uwsgi.cache_set('x', bytearray(b'ba'))
uwsgi.cache_set('x', memoryview(b'ba'))
uwsgi.cache_num('n')
uwsgi.cache_inc('n')
uwsgi.cache_get('n')
uwsgi.cache_num('n')
uwsgi.cache_inc('n', 5)
uwsgi.cache_dec('n', 2)
uwsgi.cache_mul('n', 3)
uwsgi.cache_mul('n')
uwsgi.cache_num('n')
uwsgi.cache_div('n', 3)
uwsgi.cache_div('n')
uwsgi.cache_num('n')
uwsgi.cache_div('n', 0)
uwsgi.cache_num('n')
uwsgi.cache_dec('neg', 7)
uwsgi.cache_div('neg', 2)
uwsgi.cache_num('neg')
uwsgi.cache_get('neg')
uwsgi.cache_mul('m0', 3)
uwsgi.cache_div('d0', 3)
uwsgi.cache_num('m0'), uwsgi.cache_num('d0')
uwsgi.cache_set('three', b'abc')
uwsgi.cache_num('three')
uwsgi.cache_inc('three')
uwsgi.cache_get('three')
uwsgi.cache_set('nine', b'123456789')
uwsgi.cache_num('nine')
uwsgi.cache_inc('nine')
uwsgi.cache_get('nine')
uwsgi.cache_inc('n', -1)
uwsgi.cache_num('n')
uwsgi.cache_inc('n', 1, 0, 'nope')
uwsgi.cache_inc('n', 1, 0, 'd')
uwsgi.cache_num('n', 'd')
uwsgi.cache_num('n', 'nope')
uwsgi.cache_inc('n', 1, 5, 'd', 4)
uwsgi.cache_inc('q', 2 ** 63)
uwsgi.cache_inc('q', 2 ** 63 - 1)
uwsgi.cache_inc('q', 1)
uwsgi.cache_num('q')
uwsgi.cache_inc('m', 1, 0, 'mi'), uwsgi.cache_dec('m2', 1, 0, 'mi'), uwsgi.cache_mul('m3', 2, 0, 'mi'), uwsgi.cache_div('m4', 2, 0, 'mi')
[uwsgi.cache_num(k, 'mi') for k in ('m', 'm2', 'm3', 'm4')]
uwsgi.cache_clear('d')
uwsgi.cache_get('n', 'd')
uwsgi.cache_clear('nope')
uwsgi.cache_clear()
uwsgi.cache_keys()
[uwsgi.cache_set('i%d' % i, b'v', 0, 'small') for i in range(3)]
uwsgi.cache_set('i3', b'v', 0, 'small')
uwsgi.cache_clear('small')
[uwsgi.cache_set('i%d' % i, b'v', 0, 'lru') for i in range(3)]
uwsgi.cache_clear('lru')
[uwsgi.cache_set('bm%d' % n, b'x' * n, 0, 'bits') for n in (250, 251, 450, 950)]
[len(uwsgi.cache_get('bm%d' % n, 'bits')) for n in (250, 251, 450, 950)]
uwsgi.cache_update('bm250', b'y' * 700, 0, 'bits')
uwsgi.cache_get('bm250', 'bits') == b'y' * 700
[len(uwsgi.cache_get('bm%d' % n, 'bits')) for n in (251, 450, 950)]
uwsgi.cache_set('too large', b'x' * 5000, 0, 'bits')
uwsgi.cache_set('t', b'x', 1)
uwsgi.cache_set('tu', b'x', 1)
uwsgi.cache_update('tu', b'y')
uwsgi.cache_inc('ti', 1, 1)
uwsgi.cache_inc('ti', 1, 100)
time.sleep(6)
uwsgi.cache_get('t'), uwsgi.cache_get('tu'), uwsgi.cache_get('ti')
uwsgi.lock()
uwsgi.is_locked()
uwsgi.unlock()
uwsgi.is_locked()
uwsgi.lock(1), uwsgi.lock(2), uwsgi.unlock(1), uwsgi.unlock(2)
uwsgi.lock(3)
uwsgi.unlock(3)
uwsgi.lock(-1)
uwsgi.unlock(-1)
uwsgi.is_locked(-1)
uwsgi.is_locked(5)
uwsgi.unlock(0)
uwsgi.lock('x')
uwsgi.set_logvar('a', 'b')
uwsgi.get_logvar('a')
uwsgi.get_logvar(b'a')
uwsgi.get_logvar('zz')
uwsgi.set_logvar(b'a', b'b2')
uwsgi.get_logvar('a')
uwsgi.set_logvar('a', 1)
uwsgi.set_logvar('a')
uwsgi.set_logvar('e', '')
uwsgi.get_logvar('e')
in_thread("uwsgi.request_id()")
in_thread("uwsgi.lock() or uwsgi.unlock()")
uwsgi.log('hello')
uwsgi.log(b'hello')
uwsgi.log(1)
uwsgi.log()
uwsgi.log_this_request()
type(uwsgi.logsize())
[type(n) for n in uwsgi.mem()], uwsgi.mem()[0] < uwsgi.mem()[1]
uwsgi.listen_queue()
uwsgi.listen_queue(0)
uwsgi.listen_queue(1)
uwsgi.listen_queue('x')
uwsgi.ready()
uwsgi.cl()
type(uwsgi.connection_fd()), uwsgi.connection_fd() > 2
uwsgi.is_connected(uwsgi.connection_fd())
uwsgi.is_connected(99999), uwsgi.is_connected(-1)
uwsgi.is_connected('x')
uwsgi.is_connected()
abs(uwsgi.micros() - time.time() * 1e6) < 1e6
uwsgi.set_user_harakiri(10)
uwsgi.set_user_harakiri(0)
uwsgi.set_user_harakiri()
uwsgi.set_user_harakiri('x')
uwsgi.accepting()
uwsgi.parsefile('/nonexistent')
uwsgi.parsefile(HERE + '/packet')
uwsgi.parsefile(HERE + '/broken')
uwsgi.setprocname('a name')
uwsgi.setprocname(b'x')
uwsgi.setprocname()
type(uwsgi.worker_id()), uwsgi.worker_id() in (1, 2)
type(uwsgi.masterpid()), uwsgi.masterpid() == os.getppid()
uwsgi.request_id(), uwsgi.total_requests()
type(uwsgi.workers()), len(uwsgi.workers()), [w['id'] for w in uwsgi.workers()]
{k: type(v).__name__ for k, v in uwsgi.workers()[0].items()}
sorted(w['status'] for w in uwsgi.workers())
os.getpid() in [w['pid'] for w in uwsgi.workers()]
sorted(uwsgi.workers()[0]['apps'][0])
uwsgi.workers()[0]['apps'][0]['mountpoint'], uwsgi.workers()[0]['apps'][0]['id']
abs(uwsgi.started_on - time.time()) < 60, type(uwsgi.started_on)
uwsgi.applications
uwsgi.hostname
uwsgi.mode
uwsgi.loop
uwsgi.numproc, uwsgi.cores, uwsgi.has_threads
uwsgi.buffer_size
type(uwsgi.version), uwsgi.version[:6]
uwsgi.version_info[:4], type(uwsgi.version_info[4])
type(uwsgi.opt), uwsgi.opt['workers'], uwsgi.opt['master'], uwsgi.opt['set-placeholder'], uwsgi.opt['locks']
uwsgi.opt['vacuum']
'enable-threads' in uwsgi.opt
hooks
"""

hooks = []


def post_fork_hook():
    hooks.append("forked %d" % (uwsgi.worker_id() > 0))


def in_thread(expression):
    result = []
    thread = threading.Thread(target=lambda: result.append(answer(expression)))
    thread.start()
    thread.join()
    return result


def answer(expression):
    try:
        return repr(eval(expression))
    except Exception as error:
        return "!! " + type(error).__name__


def lines(expressions):
    return ["%s  =>  %s" % (e, answer(e)) for e in expressions.strip().splitlines()]


with open(HERE + "/packet", "wb") as file:
    file.write(b"\x00\x0d\x00\x00" + b"\x01\x00a\x03\x00bcd" + b"\x01\x00e\x00\x00")
with open(HERE + "/broken", "wb") as file:
    file.write(b"\x00\x08\x00\x00" + b"\x01\x00a\xff\x00bcd")

at_import = lines(IMPORTED)
uwsgi.post_fork_hook = post_fork_hook
uwsgi.atexit = lambda: uwsgi.log("atexit was called")


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ["\n".join(at_import + lines(ASKED)).encode("utf-8", "backslashreplace")]
