"""The cryptography of bundles, by libsodium: keys, signatures, encryption to a site.

The only file that knows the library.
"""

from __future__ import annotations

from fairmind_sync.errors import BundleError
from fairmind_sync.extras import imported_with
from fairmind_sync.handover.public_site import KEY_BYTES

with imported_with("bundle", "A bundle"):
    from nacl import bindings
    from nacl.exceptions import BadSignatureError, CryptoError
    from nacl.public import PrivateKey, PublicKey, SealedBox
    from nacl.signing import SigningKey, VerifyKey

_SIGNED = b"fairmind-sync bundle 1: "
"""Stands before what is signed, so that no signature is good for anything else."""
SIGNATURE_BYTES = bindings.crypto_sign_BYTES
_STREAM_KEY = bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES
_UNREADABLE = "what the bundle holds was not encrypted to this site's key."


class PrivateKeys:
    """A site's two private keys; `secret` is both, one after the other, and is never shown."""

    __slots__ = ("_box", "_signing")

    def __init__(self, secret: bytes) -> None:
        self._signing = SigningKey(secret[:KEY_BYTES])
        self._box = PrivateKey(secret[KEY_BYTES:])

    @classmethod
    def new(cls) -> PrivateKeys:
        return cls(bytes(SigningKey.generate()) + bytes(PrivateKey.generate()))

    @property
    def secret(self) -> bytes:
        return bytes(self._signing) + bytes(self._box)

    @property
    def public(self) -> bytes:
        return bytes(self._signing.verify_key) + bytes(self._box.public_key)

    def sign(self, digest: bytes) -> bytes:
        return bytes(self._signing.sign(_SIGNED + digest).signature)

    def opened(self, sealed: bytes) -> bytes:
        """Returns what was sealed to the public key.

        Raises:
            BundleError: it was sealed to another key, or is damaged.
        """
        try:
            return bytes(SealedBox(self._box).decrypt(sealed))
        except CryptoError as error:
            raise BundleError(_UNREADABLE) from error


def is_signed_by(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Returns whether the owner of the public keys has signed the digest."""
    try:
        VerifyKey(public[:KEY_BYTES]).verify(_SIGNED + digest, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


class Encryption:
    """Encrypts texts one after the other; only the recipient can open `sealed`, and by it the texts."""

    def __init__(self, recipient: bytes) -> None:
        key = bindings.crypto_secretstream_xchacha20poly1305_keygen()
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        begin = bindings.crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        self.sealed = bytes(SealedBox(PublicKey(recipient[KEY_BYTES:])).encrypt(key + begin))

    def encrypted(self, text: bytes) -> bytes:
        return bytes(bindings.crypto_secretstream_xchacha20poly1305_push(self._state, text))


class Decryption:
    """Decrypts what an `Encryption` has made, in its order.

    Raises:
        BundleError: it was encrypted to another key, or is damaged.
    """

    def __init__(self, keys: PrivateKeys, sealed: bytes) -> None:
        opened = keys.opened(sealed)
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        try:
            bindings.crypto_secretstream_xchacha20poly1305_init_pull(
                self._state, opened[_STREAM_KEY:], opened[:_STREAM_KEY]
            )
        except CryptoError as error:
            raise BundleError(_UNREADABLE) from error

    def decrypted(self, text: bytes) -> bytes:
        try:
            return bytes(bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, text)[0])
        except CryptoError as error:
            raise BundleError(_UNREADABLE) from error
