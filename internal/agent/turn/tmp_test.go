package turn
import ("testing";"math/rand";"time";"os")
func TestTmp(t *testing.T){
 d:=20*time.Second
 if os.Getenv("LONG")!="" {d=90*time.Second}
 end:=time.Now().Add(d); n:=0
 for seed:=int64(time.Now().UnixNano()); time.Now().Before(end); seed++ {
  r:=rand.New(rand.NewSource(seed)); b:=make([]byte, r.Intn(1500)); r.Read(b)
  n++
  ok:=t.Run("s", func(t *testing.T){ s:=runBytes(t,b); _=s })
  if !ok { t.Fatalf("seed %d", seed)}
 }
 t.Log(n)
}
