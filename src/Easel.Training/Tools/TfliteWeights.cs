using System.Buffers.Binary;
using System.Text;

namespace Easel.Training.Tools;

/// <summary>Reads the weights of TensorFlow Lite models, whose files are flat buffers: tables that say where their fields are.</summary>
internal static class TfliteWeights
{
    private const int Float32 = 0, Float16 = 1; // TensorType

    /// <summary>The tensors with values of a model's first graph, kernels laid out as TensorFlow.js has them.</summary>
    /// <exception cref="EaselException">It is no such file.</exception>
    public static IReadOnlyList<TfjsTensor> Read(string path)
    {
        var file = new FlatBuffer(File.ReadAllBytes(path));
        try
        {
            var model = file.Root();
            var buffers = model.Tables(4);
            var tensors = new List<TfjsTensor>();
            foreach (var entry in model.Tables(2)[0].Tables(0))
            {
                var bytes = buffers[entry.Number(2)].Bytes(0);
                if (bytes.Length == 0 || entry.Byte(1) is not (Float32 or Float16)) continue;
                var values = empty(entry.Numbers(0), entry.Byte(1) == Float16 ? ScalarType.Float16 : ScalarType.Float32);
                bytes.CopyTo(values.bytes);
                // [outputs, height, width, inputs] to [height, width, inputs, outputs], and the same for kernels of single channels.
                tensors.Add(new TfjsTensor(entry.Text(3), values.dim() == 4 ? values.permute(1, 2, 3, 0) : values, null));
            }
            return tensors;
        }
        catch (ArgumentException e)
        {
            throw new EaselException($"{path} is no TensorFlow Lite model: {e.Message}", e);
        }
    }

    private readonly record struct FlatBuffer(byte[] Data)
    {
        public Table Root() => new(Data, Int(0));

        public int Int(int at) => BinaryPrimitives.ReadInt32LittleEndian(Data.AsSpan(at));
    }

    /// <summary>A table, which stands at a place.</summary>
    private readonly record struct Table(byte[] Data, int Place)
    {
        public int Byte(int field) => Of(field) is var at and > 0 ? Data[at] : 0;

        public int Number(int field) => Of(field) is var at and > 0 ? Int(at) : 0;

        public string Text(int field) => Encoding.UTF8.GetString(Bytes(field));

        public ReadOnlySpan<byte> Bytes(int field) => Vector(field) is var (count, at) ? Data.AsSpan(at, count) : [];

        public long[] Numbers(int field)
        {
            var (count, at) = Vector(field) ?? (0, 0);
            var data = this;
            return [.. Enumerable.Range(0, count).Select(i => (long)data.Int(at + 4 * i))];
        }

        public Table[] Tables(int field)
        {
            var (count, at) = Vector(field) ?? (0, 0);
            var data = this;
            return [.. Enumerable.Range(0, count).Select(i => new Table(data.Data, at + 4 * i + data.Int(at + 4 * i)))];
        }

        private (int Count, int Place)? Vector(int field)
        {
            if (Of(field) is not (var at and > 0)) return null;
            var vector = at + Int(at);
            return (Int(vector), vector + 4);
        }

        /// <summary>Where a field is; 0 where the table has none of that number.</summary>
        private int Of(int field)
        {
            var list = Place - Int(Place);
            var entry = 4 + 2 * field;
            var offset = entry < Short(list) ? Short(list + entry) : 0;
            return offset == 0 ? 0 : Place + offset;
        }

        private int Short(int at) => BinaryPrimitives.ReadUInt16LittleEndian(Data.AsSpan(at));

        private int Int(int at) => BinaryPrimitives.ReadInt32LittleEndian(Data.AsSpan(at));
    }
}
