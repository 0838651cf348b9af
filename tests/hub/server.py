"""A hub on loopback: as much of one as huggingface_hub asks for."""

import base64
import hashlib
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

TOKEN = 'hf_of_a_test'
_GIT = 10_000  # bytes; larger files go by the sha256 of git-lfs, as there


class Repo:
    """Commits, as what files they have, and what names them."""

    def __init__(self, private=False, gated=False):
        self.private, self.gated = private, gated
        self.branches, self.commits = {}, {}
        self.commit('main', {})

    def commit(self, branch, files):
        before = self.commits.get(self.branches.get(branch, ''), {})
        content = {**before, **files}
        number = f'{len(self.commits)} {sorted(content)}'
        sha = hashlib.sha1(number.encode()).hexdigest()
        self.commits[sha], self.branches[branch] = content, sha
        return sha

    def at(self, revision):
        sha = self.branches.get(revision, revision)
        return next((x for x in self.commits if x.startswith(sha)), None)


class Hub:
    """Its repositories by name, and all that it was asked for.

    Of files named in ``cut`` the second half never arrives.
    """

    def __init__(self):
        self.repos, self.asked, self.cut, self.url = {}, [], set(), ''

    def add(self, name, files, branch='main', **kinds):
        repo = self.repos.setdefault(name, Repo(**kinds))
        return repo.commit(branch, files)


def _handler(hub):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def answer(self, status, body=b'', **headers):
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
            self.send_response(status)
            named = {k.replace('_', '-'): v for k, v in headers.items()}
            for key, value in {'Content-Length': len(body), **named}.items():
                self.send_header(key, str(value))
            self.end_headers()
            if self.command != 'HEAD':
                self.wfile.write(body)

        def no(self, status, code, **headers):
            self.answer(status, X_Error_Code=code, **headers)

        def do_GET(self):
            path = urlsplit(self.path).path
            hub.asked.append((self.command, path))
            parts = [unquote(x) for x in path.strip('/').split('/')]
            about = parts[:2] == ['api', 'models']
            parts = parts[2:] if about else parts
            repo = hub.repos.get('/'.join(parts[:2]))
            known = self.headers.get('Authorization') == f'Bearer {TOKEN}'
            if repo is None or (repo.private and not known):
                return self.no(404 if known else 401, 'RepoNotFound')
            if repo.gated:
                return self.no(403, 'GatedRepo')
            sha = repo.at(parts[3] if len(parts) > 3 else 'main')
            if sha is None:
                return self.no(404, 'RevisionNotFound')
            files = repo.commits[sha]
            if about and parts[2:3] == ['tree']:
                return self.answer(
                    200,
                    [
                        dict(type='file', path=x, size=len(files[x]), oid='0')
                        for x in files
                    ],
                )
            if about:
                name = '/'.join(parts[:2])
                info = dict(id=name, sha=sha, private=repo.private)
                return self.answer(200, info)
            return self.send_file('/'.join(parts[4:]), files, sha)

        do_HEAD = do_GET  # noqa: N815

        def send_file(self, name, files, sha):
            if name not in files:
                return self.no(404, 'EntryNotFound', X_Repo_Commit=sha)
            body = files[name]
            if len(body) < _GIT:
                blob = b'blob %d\0%s' % (len(body), body)
                etag = hashlib.sha1(blob).hexdigest()
            else:
                etag = hashlib.sha256(body).hexdigest()
            sent, begin = body, 0
            if self.headers.get('Range'):
                begin = int(self.headers['Range'][6:].split('-')[0])
            if name in hub.cut and self.command == 'GET':
                sent = body[: len(body) // 2]
            self.answer(
                206 if begin else 200,
                sent[begin:],
                Content_Length=len(body) - begin,
                X_Repo_Commit=sha,
                ETag=f'"{etag}"',
            )

        def do_POST(self):
            path = urlsplit(self.path).path
            hub.asked.append((self.command, path))
            sent = self.rfile.read(int(self.headers['Content-Length'] or 0))
            if self.headers.get('Authorization') != f'Bearer {TOKEN}':
                return self.no(401, '', X_Error_Message='Invalid credentials')
            parts = [unquote(x) for x in path.strip('/').split('/')]
            if parts[1:] == ['validate-yaml']:
                return self.answer(200, {})
            if parts[1:] == ['repos', 'create']:
                asked = json.loads(sent)
                name = f'{asked["organization"]}/{asked["name"]}'
                status = 409 if name in hub.repos else 200
                private = asked.get('visibility') == 'private'
                private |= asked.get('private', False)  # older clients
                hub.repos.setdefault(name, Repo(private))
                return self.answer(status, dict(url=f'{hub.url}/{name}'))
            name, what, branch = '/'.join(parts[2:4]), parts[4], parts[5]
            repo = hub.repos[name]
            if what == 'branch':
                status = 409 if branch in repo.branches else 200
                repo.branches.setdefault(branch, repo.branches['main'])
                return self.answer(status, {})
            if what == 'preupload':
                files = json.loads(sent)['files']
                way = dict(uploadMode='regular', shouldIgnore=False)
                return self.answer(
                    200,
                    dict(files=[dict(path=x['path'], **way) for x in files]),
                )
            lines = [json.loads(x) for x in sent.splitlines()]
            files = {
                x['value']['path']: base64.b64decode(x['value']['content'])
                for x in lines
                if x['key'] == 'file'
            }
            sha = repo.commit(branch, files)
            url = f'{hub.url}/{name}/commit/{sha}'
            return self.answer(200, dict(commitUrl=url, commitOid=sha))

    return Handler


@contextmanager
def running():
    """A hub, until it is left; then nothing answers at its address."""
    hub = Hub()
    server = ThreadingHTTPServer(('127.0.0.1', 0), _handler(hub))
    hub.url = f'http://127.0.0.1:{server.server_port}'
    thread = Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    hub.stop = lambda: (server.shutdown(), server.server_close())
    try:
        yield hub
    finally:
        hub.stop()
