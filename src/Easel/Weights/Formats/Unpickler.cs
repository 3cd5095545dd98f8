using System.Numerics;

namespace Easel.Weights.Formats;

/// <summary>Reads pickles of protocols 0 to 5 as data (Python's Lib/pickletools.py describes the machine). Names are never imported, nothing of the file's
/// choosing is called, and nothing recurses: the nesting of a pickle is the length of a list here. Its exceptions lack the file's name, which
/// <see cref="Read"/> puts before them.</summary>
internal ref struct Unpickler
{
    /// <summary>The longest pickle that is read: those of the largest models have a few megabytes.</summary>
    public const int LongestPickle = 64 << 20;

    private const int MostObjects = 5_000_000, LongestNumber = 1000;

    private readonly ReadOnlySpan<byte> _data;
    private readonly PickledStorages _storages;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];
    private int _at;
    private int _objects;

    private Unpickler(ReadOnlySpan<byte> data, PickledStorages storages)
    {
        _data = data;
        _storages = storages;
    }

    /// <summary>Reads the pickle that <paramref name="data"/> begins with.</summary>
    /// <param name="data">The pickle; what follows it is not looked at.</param>
    /// <param name="storages">Takes note of the storages that tensors refer to.</param> <returns>The value, and how many bytes the pickle takes.</returns>
    public static (object? Value, int Length) Read(ModelBytes file, ReadOnlySpan<byte> data, PickledStorages storages)
    {
        try
        {
            var machine = new Unpickler(data, storages);
            var value = machine.Run();
            return (value, machine._at);
        }
        catch (CheckpointException error)
        {
            throw file.Refuse(error.Message, error.InnerException);
        }
    }

    private object? Run()
    {
        while (true)
        {
            var opcode = Byte();
            switch (opcode)
            {
                // The machine itself
                case 0x80: if (Byte() > 5) throw Damaged("its protocol is newer than 5"); break; // PROTO
                case 0x95: Take(8); break; // FRAME: only says how much to buffer
                case (byte)'.': return Value(Pop()); // STOP
                case (byte)'(': _marks.Add(_stack.Count); Count(1); break; // MARK
                case (byte)'0': if (_marks.Count > 0 && _marks[^1] == _stack.Count) _marks.RemoveAt(_marks.Count - 1); else Pop(); break; // POP
                case (byte)'1': PopToMark(); break; // POP_MARK
                case (byte)'2': Push(Top()); break; // DUP

                // The memo
                case (byte)'p': Remember(MemoIndex(Line())); break; // PUT
                case (byte)'q': Remember(Byte()); break; // BINPUT
                case (byte)'r': Remember(UInt32()); break; // LONG_BINPUT
                case 0x94: Remember(_memo.Count); break; // MEMOIZE
                case (byte)'g': Push(Recall(MemoIndex(Line()))); break; // GET
                case (byte)'h': Push(Recall(Byte())); break; // BINGET
                case (byte)'j': Push(Recall(UInt32())); break; // LONG_BINGET

                // Constants and numbers
                case (byte)'N': Push(null); break; // NONE
                case 0x88: Push(true); break; // NEWTRUE
                case 0x89: Push(false); break; // NEWFALSE
                case (byte)'I': Push(Int(Line())); break; // INT
                case (byte)'L': Push(Int(Line())); break; // LONG
                case (byte)'K': Push((long)Byte()); break; // BININT1
                case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break; // BININT2
                case (byte)'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break; // BININT
                case 0x8A: Push(Long(Take(Byte()))); break; // LONG1
                case 0x8B: Push(Long(Take(BinaryPrimitives.ReadInt32LittleEndian(Take(4))))); break; // LONG4
                case (byte)'F': Push(Float(Line())); break; // FLOAT
                case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break; // BINFLOAT

                // Texts and bytes
                case (byte)'S': Push(Repr(Line())); break; // STRING
                case (byte)'T': Push(Latin(Take(BinaryPrimitives.ReadInt32LittleEndian(Take(4))))); break; // BINSTRING
                case (byte)'U': Push(Latin(Take(Byte()))); break; // SHORT_BINSTRING
                case (byte)'V': Push(Escaped(Line())); break; // UNICODE
                case (byte)'X': Push(Text(Take(UInt32()))); break; // BINUNICODE
                case 0x8C: Push(Text(Take(Byte()))); break; // SHORT_BINUNICODE
                case 0x8D: Push(Text(Take(Int64()))); break; // BINUNICODE8
                case (byte)'B': Push(Take(UInt32()).ToArray()); break; // BINBYTES
                case (byte)'C': Push(Take(Byte()).ToArray()); break; // SHORT_BINBYTES
                case 0x8E or 0x96: Push(Take(Int64()).ToArray()); break; // BINBYTES8, BYTEARRAY8

                // Tuples, lists, dictionaries, sets
                case (byte)')': Push(Array.Empty<object?>()); break; // EMPTY_TUPLE
                case 0x85 or 0x86 or 0x87: Push(PopMany(opcode - 0x84)); break; // TUPLE1, TUPLE2, TUPLE3
                case (byte)'t': Push(PopToMark()); break; // TUPLE
                case (byte)']': Push(new PickledList()); break; // EMPTY_LIST
                case (byte)'l': Push(Filled(new PickledList(), PopToMark())); break; // LIST
                case (byte)'a': { var item = Value(Pop()); Filled(Top(), [item]); break; } // APPEND
                case (byte)'e': { var items = PopToMark(); Filled(Top(), items); break; } // APPENDS
                case (byte)'}': Push(new PickledDict()); break; // EMPTY_DICT
                case (byte)'d': { var items = PopToMark(keys: true); Push(new PickledDict()); Set(items); break; } // DICT
                case (byte)'s': { var value = Pop(); var key = Pop(); Set([key, value]); break; } // SETITEM
                case (byte)'u': Set(PopToMark(keys: true)); break; // SETITEMS
                case 0x8F: Push(new PickledOpaque("set")); break; // EMPTY_SET
                case 0x90: PopToMark(); if (Top() is not PickledOpaque { Type: "set" }) throw Damaged("it adds to a set that is none"); break; // ADDITEMS
                case 0x91: PopToMark(); Push(new PickledOpaque("frozenset")); break; // FROZENSET

                // Names and what would be calls
                case (byte)'c': { var module = Latin(Line()); Push(PickledCalls.Find(module, Latin(Line()))); break; } // GLOBAL
                case 0x93: { var name = Pop(); Push(Named(Pop(), name)); break; } // STACK_GLOBAL
                case (byte)'R' or 0x81: { var args = Pop(); Push(Call(Pop(), args)); break; } // REDUCE, NEWOBJ
                case 0x92: { var keywords = Pop(); var args = Pop(); Push(Call(Pop(), args, keywords)); break; } // NEWOBJ_EX
                case (byte)'i': { var module = Latin(Line()); Push(Call(PickledCalls.Find(module, Latin(Line())), PopToMark())); break; } // INST
                case (byte)'o': { var args = PopToMark(keys: true); Push(Construct(args)); break; } // OBJ
                case (byte)'b': { var state = Value(Pop()); Restore(Top(), state); break; } // BUILD
                case (byte)'Q': Push(_storages.Refer(Value(Pop()))); break; // BINPERSID

                case (byte)'P': throw new CheckpointException("refers to data outside itself by a line of text, which PyTorch never does"); // PERSID
                case 0x82 or 0x83 or 0x84: throw new CheckpointException("uses an extension of pickle, which no tensor checkpoint needs"); // EXT1, EXT2, EXT4
                case 0x97 or 0x98: throw new CheckpointException("refers to a buffer outside itself, which none has"); // NEXT_BUFFER, READONLY_BUFFER
                default: throw Damaged($"byte 0x{opcode:X2} begins no instruction");
            }
        }
    }

    // Calls

    private object? Call(object? callee, object? args, object? keywords = null)
    {
        if (callee is not PickledName name) throw Damaged("it calls something that has no name");
        if (name.Make is null)
            throw new CheckpointException($"wants to call {Quoted.Text(name.Name)}, which no tensor checkpoint needs; the file is not safe to load");
        if (args is not object?[] given || keywords is not (null or PickledDict { Entries.Count: 0 })) throw Damaged("it calls something without arguments");
        var made = name.Make(given);
        // One small instruction can ask for a copy of something large, again and again.
        Count(made switch
        {
            PickledDict dict => dict.Entries.Count,
            PickledTensor tensor => tensor.Shape.Length,
            byte[] bytes => bytes.Length / 16,
            _ => 0,
        });
        return made;
    }

    private object? Construct(object?[] items)
    {
        if (items is not [PickledName type, .. var args]) throw Damaged("it makes an object of nothing");
        foreach (var item in args) Value(item);
        return Call(type, args);
    }

    private static PickledName Named(object? module, object? name) =>
        module is string first && name is string second ? PickledCalls.Find(first, second) : throw Damaged("it names something without a name");

    private static void Restore(object? target, object? state)
    {
        switch (target)
        {
            case PickledObject known when state is PickledDict attributes: known.Attributes = attributes; break;
            case PickledDict when state is PickledDict: break; // a state dict's _metadata
            case PickledOpaque: break;
            default: throw new CheckpointException("sets the inner state of a value that has none; the file is not safe to load");
        }
    }

    // A name that is not known is harmless as long as it does nothing: as the key of a dictionary, and there only.
    private static object? Value(object? value) => value is not PickledName { Known: false } name ? value
        : throw new CheckpointException($"refers to {Quoted.Text(name.Name)}, which no tensor checkpoint needs; the file is not safe to load");

    // Containers

    private readonly void Set(ReadOnlySpan<object?> items)
    {
        if (Top() is not PickledDict dict || items.Length % 2 != 0) throw Damaged("it sets the items of a dictionary that is none");
        for (var i = 0; i < items.Length; i += 2) dict.Entries.Add(new(items[i], Value(items[i + 1])));
    }

    private static object Filled(object? target, object?[] items)
    {
        if (target is not PickledList list) throw Damaged("it appends to a list that is none");
        list.Items.AddRange(items);
        return list;
    }

    // The stack

    private void Push(object? value)
    {
        _stack.Add(value);
        Count(1);
    }

    private void Count(int objects)
    {
        if ((_objects += objects) > MostObjects)
            throw new CheckpointException($"holds more than {MostObjects} values besides its tensors, more than any model");
    }

    private readonly object? Top() => _stack.Count > Floor ? _stack[^1] : throw Damaged("it takes a value where there is none");

    private readonly object? Pop()
    {
        var value = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private readonly object?[] PopMany(int count)
    {
        if (_stack.Count - count < Floor) throw Damaged("it takes a value where there is none");
        return Cut(_stack.Count - count, keys: false);
    }

    private readonly object?[] PopToMark(bool keys = false)
    {
        if (_marks.Count == 0) throw Damaged("it looks for a mark that was not set");
        var from = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return Cut(from, keys);
    }

    // Where some of the values are keys, the caller looks at those that are not.
    private readonly object?[] Cut(int from, bool keys)
    {
        var items = CollectionsMarshal.AsSpan(_stack)[from..].ToArray();
        if (!keys) foreach (var item in items) Value(item);
        _stack.RemoveRange(from, items.Length);
        return items;
    }

    private readonly int Floor => _marks.Count > 0 ? _marks[^1] : 0;

    private void Remember(long index)
    {
        _memo[index] = Top();
        Count(1);
    }

    private readonly object? Recall(long index) => _memo.TryGetValue(index, out var value) ? value : throw Damaged("it recalls a value that was not set");

    // The bytes

    private byte Byte() => Take(1)[0];
    private uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
    private long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    private ReadOnlySpan<byte> Take(long count)
    {
        if (count < 0 || count > _data.Length - _at) throw Damaged("it breaks off");
        var bytes = _data.Slice(_at, (int)count);
        _at += (int)count;
        return bytes;
    }

    private ReadOnlySpan<byte> Line()
    {
        var length = _data[_at..].IndexOf((byte)'\n');
        if (length < 0) throw Damaged("it breaks off");
        return Take(length + 1)[..length];
    }

    private static string Latin(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    private static string Text(ReadOnlySpan<byte> bytes) =>
        System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw Damaged("a text in it is not UTF-8");

    // Protocol 0 writes strings as Python prints them; what is escaped there stays so, since no checkpoint has such names.
    private static string Repr(ReadOnlySpan<byte> line)
    {
        var quoted = line.Length >= 2 && line[0] == line[^1] && line[0] is (byte)'\'' or (byte)'"';
        return quoted ? Latin(line[1..^1]) : throw Damaged("a text in it lacks its quotation marks");
    }

    private static string Escaped(ReadOnlySpan<byte> line) =>
        line.IndexOf((byte)'\\') < 0
            ? Latin(line) : throw new CheckpointException("spells a text with escapes of pickle protocol 0, which PyTorch does not write");

    private static object Int(ReadOnlySpan<byte> line)
    {
        if (line.SequenceEqual("00"u8)) return false;
        if (line.SequenceEqual("01"u8)) return true;
        var digits = line.Length > 0 && line[^1] == 'L' ? line[..^1] : line;
        if (digits.Length > LongestNumber || !BigInteger.TryParse(Latin(digits), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            throw Damaged("a number in it is none");
        return Narrow(number);
    }

    private static object Long(ReadOnlySpan<byte> bytes) =>
        bytes.Length <= LongestNumber ? Narrow(new BigInteger(bytes)) : throw Damaged($"a number in it has {bytes.Length} bytes");

    private static object Narrow(BigInteger number) => number >= long.MinValue && number <= long.MaxValue ? (long)number : number;

    private static double Float(ReadOnlySpan<byte> line) =>
        line.Length <= LongestNumber && double.TryParse(line, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? number : throw Damaged("a number in it is none");

    private static long MemoIndex(ReadOnlySpan<byte> line) =>
        line.Length <= LongestNumber && long.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            ? index : throw Damaged("a memo in it has no number");

    private static CheckpointException Damaged(string what) => new($"holds a damaged pickle ({what})");
}
