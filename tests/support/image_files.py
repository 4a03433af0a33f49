"""Made-up files in the formats that images come in: IDX, CIFAR's archives, pictures of all kinds."""

import gzip
import io
import tarfile

import numpy as np
from PIL import Image


def idx_bytes(array, kind=8):
    """An IDX file of an array of bytes."""
    lengths = b''.join(length.to_bytes(4, 'big') for length in array.shape)
    return bytes((0, 0, kind, array.ndim)) + lengths + array.astype(np.uint8).tobytes()


def write_idx_folder(folder, train, test, packed=True, classes=10):
    """Four IDX files with so many images of every class; an image is filled with its label and its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, per_class in (('train', train), ('t10k', test)):
        labels = np.arange(classes * per_class) % classes
        images = np.repeat(labels * 16, 28 * 28).reshape(-1, 28, 28)
        images[:, 0, 0] = np.arange(len(labels)) % 256
        for name, array in (('images-idx3', images), ('labels-idx1', labels)):
            content = idx_bytes(array)
            path = folder / f'{part}-{name}-ubyte{".gz" if packed else ""}'
            path.write_bytes(gzip.compress(content, mtime=0) if packed else content)


def python2_pickle(values):
    """As Python 2 wrote a dict of text, lists and arrays in protocol 2: strings of bytes for text and for numbers."""
    return b'\x80\x02}(' + b''.join(_text(key.encode()) + _value(value) for key, value in values.items()) + b'u.'


def _text(value):
    return b'U' + bytes([len(value)]) + value if len(value) < 256 else b'T' + len(value).to_bytes(4, 'little') + value


def _value(value):
    if isinstance(value, str):
        return _text(value.encode())
    if isinstance(value, int):
        return b'J' + value.to_bytes(4, 'little', signed=True)
    if isinstance(value, list):
        return b'](' + b''.join(map(_value, value)) + b'e'
    shape = b''.join(map(_value, value.shape))
    dtype = (
        b'cnumpy\ndtype\n'
        + _text(b'u1')
        + b'K\x00K\x01\x87R(K\x03'
        + _text(b'|')
        + b'NNN'
        + 2 * _value(-1)
        + b'K\x00tb'
    )
    array = b'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85' + _text(b'b') + b'\x87R'
    return array + b'(K\x01(' + shape + b't' + dtype + b'\x89' + _text(value.tobytes()) + b'tb'


def cifar_batch(labels, key='labels'):
    """A batch whose images have their label in red, twice that in green, and their number in blue."""
    numbers = np.stack([labels, 2 * labels, np.arange(len(labels)) % 256], axis=1)
    data = np.repeat(numbers.astype(np.uint8), 32 * 32, axis=1)
    return python2_pickle({'data': data, key: labels.tolist(), 'batch_label': 'made up'})


def cifar_files(form='cifar-10-batches-py', train=3, test=1):
    """The files of an archive by their names, with so many images of every class in train (each batch) and test."""
    if form == 'cifar-10-batches-py':
        files = {f'data_batch_{number}': cifar_batch(np.arange(10 * train) % 10) for number in range(1, 6)}
        names = python2_pickle({'label_names': [f'thing {label}' for label in range(10)]})
        return {'batches.meta': names, **files, 'test_batch': cifar_batch(np.arange(10 * test) % 10)}
    names = python2_pickle({'fine_label_names': [f'fine {label}' for label in range(100)]})
    parts = {'train': train, 'test': test}
    batches = {part: cifar_batch(np.arange(100 * number) % 100, 'fine_labels') for part, number in parts.items()}
    return {'meta': names, **batches}


def write_tar(path, files, folder='cifar-10-batches-py'):
    """A tar archive, packed if its name ends in gz."""
    with tarfile.open(path, 'w:gz' if path.name.endswith('gz') else 'w') as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f'{folder}/{name}')
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def picture(kind='JPEG', mode='RGB', seed=0, **options):
    """A file of noise, 24 high and 40 wide, as Pillow writes it."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    content = io.BytesIO()
    if mode == 'I;16':
        Image.fromarray(noise[..., 0].astype(np.uint16) * 257).save(content, kind)
    else:
        Image.fromarray(noise).convert(mode).save(content, kind, **options)
    return content.getvalue()


def turned_picture():
    """A JPEG that its EXIF mark turns by a quarter."""
    mark = Image.Exif()
    mark[0x0112] = 6
    return picture(exif=mark)
