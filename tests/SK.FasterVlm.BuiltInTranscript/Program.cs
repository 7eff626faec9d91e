using System.Text.Json;
using SK.FasterVlm;
using SK.FasterVlm.BuiltInTranscript;

// budget precision picture...  ->  a JSON array of transcripts of the embedded model on the built-in llama.cpp
await using FasterVlmModel model = await FasterVlmModel.LoadAsync(Transcript.Options(args[0], args[1]));
Console.WriteLine(JsonSerializer.Serialize(await Transcript.TakeAsync(model, args[2..], CancellationToken.None)));
