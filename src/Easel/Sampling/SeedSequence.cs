namespace Easel.Sampling;

/// <summary>NumPy's SeedSequence (O'Neill's seed_seq): mixes a seed and a place in a tree into well-spread seeds.</summary>
internal static class SeedSequence
{
    /// <summary>The first words of numpy.random.SeedSequence(entropy, spawn_key=key, pool_size=size).generate_state(count).</summary>
    public static uint[] Words(ulong entropy, ReadOnlySpan<ulong> key, int size, int count)
    {
        var input = new List<uint>();
        Append(input, entropy);
        // Zero-filled before a key, so that a seed of many words cannot look like a key.
        if (key.Length > 0) while (input.Count < size) input.Add(0);
        foreach (var part in key) Append(input, part);
        var pool = Mixed(input, size);

        var words = new uint[count];
        var constant = 0x8b51f9ddu;
        for (var i = 0; i < count; i++)
        {
            var value = pool[i % size] ^ constant;
            constant = unchecked(constant * 0x58f38dedu);
            value = unchecked(value * constant);
            words[i] = value ^ (value >> 16);
        }
        return words;
    }

    private static uint[] Mixed(List<uint> input, int size)
    {
        var constant = 0x43b0d7e5u;
        var pool = new uint[size];
        for (var i = 0; i < size; i++) pool[i] = Hash(i < input.Count ? input[i] : 0);
        for (var source = 0; source < size; source++)
        {
            for (var target = 0; target < size; target++)
            {
                if (source != target) pool[target] = Mix(pool[target], Hash(pool[source]));
            }
        }
        for (var source = size; source < input.Count; source++)
        {
            for (var target = 0; target < size; target++) pool[target] = Mix(pool[target], Hash(input[source]));
        }
        return pool;

        uint Hash(uint value)
        {
            value ^= constant;
            constant = unchecked(constant * 0x931e8875u);
            value = unchecked(value * constant);
            return value ^ (value >> 16);
        }

        static uint Mix(uint x, uint y)
        {
            var mixed = unchecked(0xca01f9ddu * x - 0x4973f715u * y);
            return mixed ^ (mixed >> 16);
        }
    }

    private static void Append(List<uint> words, ulong number)
    {
        words.Add((uint)number);
        if (number >> 32 != 0) words.Add((uint)(number >> 32));
    }
}
